"""One conversation by mail, from a follower's click to the POST that ends it: a mail server on loopback takes what the
site sends, the standard library reads it, and `manage.py receive_mail` takes the answer as any mail server pipes it."""

from __future__ import annotations

import email.policy
import mailbox
import os
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from discussion.models import Comment
from mailing import tasks
from mailing.letters import tokens
from mailing.models import Notice
from tests import builders
from tests.mailing.sink import Got, Sink, sinking
from tests.mailing.test_telling import reader, signed_in
from tests.running import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
MAIL_IN = "in.unmigratable.example"
SITE = "http://127.0.0.1:8000"


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with sinking(Sink()) as made:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.MAIL_IN = MAIL_IN
        yield made


def tree(got: list[Got], folder: Path) -> dict[str, str | None]:
    """Which mail stands below which, by their headers alone, as a mail program reads them from a box."""
    folder.mkdir()
    box = mailbox.mbox(folder / "box", factory=None)
    for one in got:
        box.add(one.raw)
    box.close()
    read = mailbox.mbox(folder / "box", create=False)
    mails = [email.message_from_bytes(one.as_bytes(), policy=email.policy.default) for one in read]
    read.close()
    ids = {str(one["Message-ID"]) for one in mails}
    above = {}
    for one in mails:
        assert str(one["References"]).split()[-1] == one["In-Reply-To"], "programs follow the one or the other"
        above[str(one["Message-ID"])] = next(
            (ref for ref in reversed(str(one["References"]).split()) if ref in ids), None
        )
    return above


def answered(to: Got, text: str, by: str) -> bytes:
    """As a mail program makes it: to the Reply-To, below what it answers."""
    mail = to.parsed
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = by, str(mail["Reply-To"]), str(mail["Subject"])
    made["Message-ID"], made["In-Reply-To"] = "<of-ben@example.org>", str(mail["Message-ID"])
    made["References"] = f"{mail['References']} {mail['Message-ID']}"
    quoted = "".join(f"> {line}\n" for line in to.text.splitlines())
    made.set_content(f"{text}\n\nOn Sun, Nov 29, 2026 at 10:00, carl wrote:\n{quoted}\n-- \nBen\n")
    return made.as_bytes()


def piped(raw: bytes, recipient: str) -> subprocess.CompletedProcess[bytes]:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    surroundings = {
        **{k: v for k, v in os.environ.items() if not k.startswith("COV")},
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "UNMIGRATABLE_MAIL_IN": MAIL_IN,
    }
    command = [sys.executable, "manage.py", "receive_mail", recipient]
    return subprocess.run(command, cwd=ROOT, env=surroundings, input=raw, capture_output=True, check=False, timeout=90)


def test_an_event_reaches_its_followers_one_answers_and_the_other_ends_it(sink: Sink, tmp_path: Path) -> None:
    case = builders.case(title="A folio under writeback for as long as the server likes").document
    ben, eve, dan = reader("ben"), reader("eve"), reader("dan")
    for person, cadence in ((ben, "at_once"), (eve, "at_once"), (dan, "daily")):
        given = {"kind": "case", "name": case.slug, "cadence": cadence}
        assert signed_in(person).post("/follow/", given).status_code == 302
    ann, carl = signed_in(builders.person("ann")), signed_in(builders.person("carl"))
    ann.post(f"/discussion/{case.pk}/", {"text": "For how long does it wait?"})
    first = Comment.objects.get()
    carl.post(f"/discussion/{case.pk}/", {"text": "As long as the server likes.", "parent": first.pk})
    second = Comment.objects.exclude(pk=first.pk).get()
    tasks.tell()
    for name in ("ben", "eve"):
        got = sink.to(f"{name}@example.org")
        asked, said = (str(one.parsed["Message-ID"]) for one in got)
        assert tree(got, tmp_path / name) == {asked: None, said: asked}

    mail = sink.to("ben@example.org")[1]
    to = mail.parsed["Reply-To"].addresses[0].addr_spec
    done = piped(answered(mail, "Not since 6.14: it is bounded.", "Ben <ben@example.org>"), to)
    assert (done.returncode, done.stderr) == (0, b"")
    answer = Comment.objects.get(author=ben)
    assert (answer.parent, answer.text) == (second, "Not since 6.14: it is bounded.")
    page = Client().get(f"/cases/{case.slug}/").content.decode()
    assert page.index("As long as the server likes.") < page.index("Not since 6.14: it is bounded.")
    tasks.tell()
    assert len(sink.to("ben@example.org")) == 2, "who said it knows it"
    three = sink.to("eve@example.org")
    assert list(tree(three, tmp_path / "three").values()) == [None, asked, said]

    stop = str(three[-1].parsed["List-Unsubscribe"]).strip("<>").removeprefix(SITE)
    one_click = Client(enforce_csrf_checks=True).post(stop, {"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 200 and not one_click.cookies
    ann.post(f"/discussion/{case.pk}/", {"text": "Then the title is wrong.", "parent": answer.pk})
    tasks.tell()
    assert (len(sink.to("ben@example.org")), len(sink.to("eve@example.org"))) == (3, 3)

    assert sink.to("dan@example.org") == []
    Notice.objects.filter(user=dan).update(due_at=timezone.now())
    tasks.tell()
    (digest,) = sink.to("dan@example.org")
    print(f"\nSubject: {digest.parsed['Subject']}\n\n{digest.text}")
    said_in_turn = ("For how long", "As long as", "Not since 6.14", "Then the title is wrong.")
    places = [digest.text.index(one) for one in said_in_turn]
    assert places == sorted(places)


def test_who_was_not_written_to_is_told_so_by_the_pipe() -> None:
    done = piped(b"From: eve@example.net\n\nWords.\n", f"answer+aaaa@{MAIL_IN}")
    assert done.returncode == os.EX_NOUSER and done.stderr.startswith(b"No such address.")


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("# as it should be\n", os.EX_NOUSER),
        ("UNMIGRATABLE_MODE=nonsense\n", os.EX_TEMPFAIL),
        ("DATABASE_URL=postgresql://nobody@127.0.0.1:1/none?a=b&c='d'\n", os.EX_TEMPFAIL),
        (None, os.EX_TEMPFAIL),
    ],
    ids=["as it should be", "a wrong setting", "no database", "no file"],
)
def test_a_mail_is_refused_for_itself_alone_by_what_mail_servers_call(
    lines: str | None, code: int, tmp_path: Path
) -> None:
    """The pipe's own script, deploy/receive: whatever breaks on our side is tried again."""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    file = tmp_path / "env"
    if lines is not None:
        file.write_text(f"\nUNMIGRATABLE_MAIL_IN={MAIL_IN}\n{lines}")
    surroundings = {
        **{k: v for k, v in os.environ.items() if not k.startswith("COV")},
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # A forged address is found out without the database: one that is a person's is asked for.
    to = tokens.address("answer", 1, 1) if lines and "DATABASE" in lines else f"answer+aaaa@{MAIL_IN}"
    surroundings["RECIPIENT"] = to  # so by Exim; Postfix has it as an argument
    command = [str(ROOT / "deploy" / "receive"), "", str(file)]
    mail = b"From: eve@example.net\n\nWords.\n"
    done = subprocess.run(command, env=surroundings, input=mail, capture_output=True, check=False, timeout=90)
    assert done.returncode == code, done.stderr
