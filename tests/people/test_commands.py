"""Adding machines and people from the shell: what was made stands alone on standard output."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from people.models import Event, Machine, Role, Token, User
from tests import builders

pytestmark = pytest.mark.django_db


def call(*args: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_add_machine_prints_the_token_alone() -> None:
    builders.person("jane", Role.MAINTAINER)
    out, err = call("add_machine", "box")
    secret = out.removesuffix("\n")
    assert Token.objects.holding(secret) == Token.objects.get()
    assert "Machine box of jane" in err and secret not in err


def test_add_machine_takes_owner_scopes_and_days() -> None:
    builders.person("jane", Role.MAINTAINER)
    builders.person("joe")
    call("add_machine", "box", "--owner", "joe", "--scope", "read", "--scope", "submit", "--days", "2")
    token = Token.objects.get()
    assert (token.machine.owner.username, token.scopes) == ("joe", ["read", "submit"])
    assert token.expires_at is not None
    assert timedelta(days=1.9) < token.expires_at - timezone.now() <= timedelta(days=2)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("box", "--owner", "nobody"), "No such person"),
        (("Box",), "Lower-case letters"),
        (("taken",), "already exists"),
        (("box", "--days", "0"), "--days: expected 1 to 3650"),
        (("box", "--days", "3651"), "--days: expected 1 to 3650"),
        (("box", "--scope", "everything"), "invalid choice"),
    ],
)
def test_add_machine_refuses_in_a_sentence(args: tuple[str, ...], message: str) -> None:
    builders.person("jane", Role.MAINTAINER)
    builders.token("taken")
    with pytest.raises(CommandError, match=message):
        call("add_machine", *args)
    assert Machine.objects.count() == 1


def test_add_machine_needs_a_maintainer() -> None:
    builders.person("joe")
    with pytest.raises(CommandError, match="add one with add_person"):
        call("add_machine", "box")


def test_add_person_prints_the_password_alone() -> None:
    out, err = call("add_person", "jane", "--role", "editor", "--kernel-name", "Jane Doe")
    jane = User.objects.get()
    assert jane.check_password(out.removesuffix("\n"))
    assert (jane.role, jane.shown_name) == ("editor", "Jane Doe (jane)") and "jane (editor)" in err
    assert Event.objects.get().data == {"role": "editor"}


@pytest.mark.parametrize("args", [("jane",), ("a b",), ("",), ("joe", "--role", "king")])
def test_add_person_refuses_in_a_sentence(args: tuple[str, ...]) -> None:
    builders.person("jane")
    with pytest.raises(CommandError):
        call("add_person", *args)
    assert User.objects.count() == 1
