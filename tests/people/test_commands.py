"""Adding machines and people from the shell: what was made stands alone on standard output."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import send_mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from local import run as local_run
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


@pytest.mark.parametrize(("options", "standing"), [((), "trusted"), (("--wait",), "new")])
def test_a_machine_of_a_maintainers_waits_where_that_is_asked_for(options: tuple[str, ...], standing: str) -> None:
    builders.person("jane", Role.MAINTAINER)
    call("add_machine", "box", *options)
    assert Machine.objects.get().standing == standing


def test_add_machine_writes_the_token_for_its_owner_alone(tmp_path: Path) -> None:
    builders.person("jane", Role.MAINTAINER)
    file = tmp_path / "token"
    before = os.umask(0)
    try:
        out, err = call("add_machine", "box", "--token-file", str(file))
    finally:
        os.umask(before)
    secret = file.read_text().removesuffix("\n")
    assert Token.objects.holding(secret) == Token.objects.get()
    assert (stat.S_IMODE(file.stat().st_mode), out) == (0o600, "") and secret not in err and str(file) in err


def test_a_token_file_that_is_there_or_cannot_be_made_leaves_no_machine(tmp_path: Path) -> None:
    builders.person("jane", Role.MAINTAINER)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "there").write_text("mine")
    for name in ("link", "there", "no/such/folder"):
        with pytest.raises(CommandError, match="cannot be made"):
            call("add_machine", "box", "--token-file", str(tmp_path / name))
    assert not Machine.objects.exists() and (tmp_path / "there").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


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


def test_mail_in_files_is_for_its_owner_alone(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "mail").mkdir(mode=0o755)
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "config.startup.mail_files.EmailBackend", tmp_path / "mail"
    before = os.umask(0)
    try:
        send_mail("Subject", "A link.", "from@example.org", ["to@example.org"])
    finally:
        os.umask(before)
    (file,) = (tmp_path / "mail").iterdir()
    assert "A link." in file.read_text()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "mail", file)] == [0o700, 0o600]


def test_the_first_persons_password_is_shown_once_and_kept_for_the_owners_eyes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts the site again, or reads its log, reads no password there."""
    note = tmp_path / "first-sign-in.txt"
    monkeypatch.setattr(local_run, "NOTE", note)
    told = local_run._first_person()
    name, password = note.read_text().split()
    assert password in told and stat.S_IMODE(note.stat().st_mode) == 0o600
    assert Client().login(username=name, password=password)
    assert local_run._first_person() == ""
