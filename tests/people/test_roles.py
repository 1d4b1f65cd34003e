"""Who may do what."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from people.models import ACTIONS, Role, User, allows, may

TABLE = {  # action: the least role that may
    "comment": Role.CONTRIBUTOR,
    "propose": Role.CONTRIBUTOR,
    "own machines": Role.CONTRIBUTOR,
    "edit": Role.EDITOR,
    "judge": Role.EDITOR,
    "see drafts": Role.EDITOR,
    "moderate": Role.EDITOR,
    "chair": Role.EDITOR,
    "import mail": Role.EDITOR,
    "manage machines": Role.MAINTAINER,
    "reingest": Role.MAINTAINER,
    "see raw": Role.MAINTAINER,
    "erase": Role.MAINTAINER,
    "ban": Role.MAINTAINER,
}
ORDER = ["reader", "contributor", "editor", "maintainer"]


def test_the_table_names_every_action_and_every_role() -> None:
    assert TABLE.keys() == ACTIONS
    assert list(Role.values) == ORDER


@pytest.mark.parametrize("action", TABLE)
@pytest.mark.parametrize("role", ORDER)
def test_a_role_may_what_the_table_says(role: str, action: str) -> None:
    expected = ORDER.index(role) >= ORDER.index(TABLE[action])
    assert allows(role, action) is may(User(role=role), action) is expected


@pytest.mark.parametrize("action", TABLE)
def test_strangers_and_the_inactive_may_nothing(action: str) -> None:
    assert not may(AnonymousUser(), action) and not may(None, action)
    assert not may(User(role=Role.MAINTAINER, is_active=False), action)
    assert not may(User(role=Role.READER, is_superuser=True), action)


def test_an_unknown_action_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no such action: fly"):
        allows(Role.MAINTAINER, "fly")
