"""Ending a machine's token."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from people.models import Event, Token
from tests import builders

pytestmark = pytest.mark.django_db


def test_a_revoked_token_is_refused_from_then_on() -> None:
    secret = builders.token()
    call_command("revoke_token", secret, stdout=StringIO())
    assert Token.objects.holding(secret) is None
    assert Event.objects.filter(verb="token.revoked").count() == 1
    with pytest.raises(CommandError, match="no such token"):
        call_command("revoke_token", secret)
