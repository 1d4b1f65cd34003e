"""The one place where a view learns who asks."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from people.access.person import demand, signed_in
from people.models import Role, User


def test_a_stranger_is_refused_and_not_taken_for_somebody() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    with pytest.raises(PermissionDenied, match="Sign in first"):
        signed_in(request)
    with pytest.raises(PermissionDenied, match="Editors judge"):
        demand(request, "judge", "Editors judge.")


@pytest.mark.parametrize(("role", "may_judge"), [(Role.CONTRIBUTOR, False), (Role.EDITOR, True)])
def test_a_person_is_asked_for_their_role(role: Role, may_judge: bool) -> None:
    request = RequestFactory().get("/")
    request.user = User(username="ada", role=role)
    assert signed_in(request) is request.user
    if may_judge:
        assert demand(request, "judge", "Editors judge.") is request.user
    else:
        with pytest.raises(PermissionDenied, match="Editors judge"):
            demand(request, "judge", "Editors judge.")
