"""Mail of the account pages leaves by the worker: no request waits for a mail server, and none fails by it."""

from __future__ import annotations

import smtplib
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone

from config.celery import app
from discussion.accounts import leaving
from people import tasks
from people.accounts import outbox
from people.models import Letter
from tests import builders
from tests.people.test_accounts import sign_up

pytestmark = pytest.mark.django_db


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP server on loopback that answers `said` to each command; without a greeting it only hangs."""

    daemon_threads = True

    def __init__(self, **said: str) -> None:
        self.said, self.greets = {"DATA": "354 go on", ".": "250 taken", **said}, said.get("greeting") != "none"
        self.taken: list[str] = []
        self.ends = threading.Event()
        super().__init__(("127.0.0.1", 0), Dialogue)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def over(self) -> None:
        self.ends.set()
        self.shutdown()
        self.server_close()


class Dialogue(socketserver.StreamRequestHandler):
    server: Sink

    def handle(self) -> None:
        if not self.server.greets:
            self.server.ends.wait()
            return
        self.say("220 sink")
        while line := self.rfile.readline().decode().strip():
            verb = line.partition(" ")[0].upper()
            self.say(self.server.said.get(verb, "250 well"))
            if verb == "DATA":
                self.take()

    def take(self) -> None:
        lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
        self.server.taken.append("\n".join(lines))
        self.say(self.server.said["."])

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def serving(settings: Any) -> Iterator[Any]:
    """Starts a sink that mail goes to."""
    sinks = []

    def start(**said: str) -> Sink:
        sinks.append(Sink(**said))
        settings.EMAIL_BACKEND, settings.EMAIL_TIMEOUT = "django.core.mail.backends.smtp.EmailBackend", 0.2
        settings.EMAIL_HOST, settings.EMAIL_PORT = sinks[-1].server_address
        return sinks[-1]

    cache.clear()
    yield start
    for sink in sinks:
        sink.over()


def due() -> None:
    Letter.objects.update(next_try_at=F("next_try_at") - timedelta(days=1))


def test_a_server_that_hangs_costs_no_request_anything(serving: Any) -> None:
    sink = serving(greeting="none")
    client = Client()
    assert sign_up(client).status_code == 302
    assert client.post("/account/password/reset/", {"email": "jane@example.org"}).status_code == 302
    assert Letter.objects.filter(state="waiting", tries=0).count() == 2
    tasks.send()
    assert sorted(Letter.objects.values_list("tries", flat=True)) == [0, 1], "after one that hangs the others wait too"
    assert sink.taken == []


def test_what_was_not_taken_is_sent_once_the_server_is_back(settings: Any, serving: Any) -> None:
    serving()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen: refused
        settings.EMAIL_PORT = nobody.getsockname()[1]
        outbox.write("test", "jane@example.org", "Subject", "A link.")
        assert outbox.send_due() == 0
    sink = serving()
    assert outbox.send_due() == 0 and sink.taken == [], "not at once again"
    due()
    assert outbox.send_due() == 1 and outbox.send_due() == 0
    (taken,) = sink.taken
    letter = Letter.objects.get()
    assert "A link." in taken and f"Message-ID: <letter-{letter.pk}." in taken and "Auto-Submitted" in taken
    assert (letter.state, letter.tries, letter.body) == ("sent", 2, "")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"RCPT": "550 nobody"}, "given_up"),
        ({".": "554 spam"}, "given_up"),
        ({"RCPT": "450 later"}, "waiting"),
        ({".": "451 later"}, "waiting"),
        ({"MAIL": "421 busy"}, "waiting"),
    ],
)
def test_what_the_server_says_of_one_letter_decides_about_that_one(
    serving: Any, said: dict[str, str], state: str
) -> None:
    serving(**said)
    outbox.write("test", "jane@example.org", "Subject", "Text.")
    outbox.send_due()
    letter = Letter.objects.get()
    assert (letter.state, letter.tries, bool(letter.body)) == (state, 1, state == "waiting")


def test_a_letter_that_cannot_be_written_holds_up_nobody(serving: Any) -> None:
    sink = serving()
    outbox.write("test", "jane@example.org", "Two\nlines", "Text.")
    outbox.write("test", "joe@example.org", "One line", "Text.")
    assert outbox.send_due() == 2 and len(sink.taken) == 1
    assert set(Letter.objects.values_list("to", "state")) == {
        ("jane@example.org", "given_up"),
        ("joe@example.org", "sent"),
    }


def test_nothing_is_tried_for_ever_and_what_is_settled_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> None:
        raise smtplib.SMTPServerDisconnected

    outbox.write("test", "jane@example.org", "Subject", "Text.")
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", down)
        for _ in range(outbox.MOST_TRIES):
            due()
            outbox.send_due()
    letter = Letter.objects.get()
    assert (letter.state, letter.tries, letter.body) == ("given_up", outbox.MOST_TRIES, "")
    Letter.objects.update(settled_at=F("settled_at") - outbox.KEPT)
    assert outbox.send_due() == 0 and not Letter.objects.exists()


def test_an_attempt_is_noted_before_the_letter_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed with it does not send it again at once, for ever."""
    seen: list[int] = []
    look = "django.core.mail.backends.locmem.EmailBackend.send_messages"
    monkeypatch.setattr(look, lambda *_: seen.append(Letter.objects.get().tries))
    outbox.write("test", "jane@example.org", "Subject", "Text.")
    outbox.send_due()
    assert seen == [1]


def test_nobody_is_flooded_by_what_others_type(settings: Any) -> None:
    for _ in range(9):
        cache.clear()
        assert Client().post("/account/password/reset/", {"email": "Jane@example.org"}).status_code == 302
    assert Letter.objects.filter(to="jane@example.org").count() == outbox.MOST_AN_HOUR
    Letter.objects.update(created_at=F("created_at") - timedelta(hours=1))
    Client().post("/account/password/reset/", {"email": "jane@example.org"})
    assert Letter.objects.count() == outbox.MOST_AN_HOUR + 1


@pytest.mark.parametrize("port", ["1337", "8001"])
def test_links_lead_to_the_site_whatever_host_was_named(port: str) -> None:
    cache.clear()
    given = {"headers": {"Host": f"localhost:{port}"}}
    jane = {"username": "jane", "email": "jane@example.org", "password1": "a long password"}
    Client().post("/account/signup/", jane, **given)
    for email in ("jane@example.org", "nobody@example.org"):
        Client().post("/account/password/reset/", {"email": email}, **given)
    cache.clear()
    Client().post("/account/signup/", {**jane, "username": "other"}, **given)
    bodies = [str(one.body) + str(one.subject) for one in builders.delivered()]
    assert len(bodies) == 4 and all("127.0.0.1:8000" in body for body in bodies)
    assert not any("localhost" in body or f":{port}" in body for body in bodies)


def test_where_no_mail_can_be_sent_none_is_kept(settings: Any) -> None:
    settings.SIGNING = replace(settings.SIGNING, sends_mail=False)
    outbox.write("test", "jane@example.org", "Subject", "Text.")
    assert not Letter.objects.exists() and mail.outbox == []


def test_who_leaves_is_written_to_no_more() -> None:
    jane = builders.person("jane")
    EmailAddress.objects.create(user=jane, email="jane@example.org", verified=True)
    for address in ("jane@example.org", "joe@example.org"):
        outbox.write("test", address, "Subject", "Text.")
    leaving.leave(jane, take_words=False)
    assert [letter.to for letter in Letter.objects.all()] == ["joe@example.org"]


def test_no_text_is_kept_of_what_is_settled() -> None:
    outbox.write("test", "jane@example.org", "Subject", "Text.")
    with pytest.raises(IntegrityError, match="letter_text_until_settled"), transaction.atomic():
        Letter.objects.update(state="sent")


def test_the_worker_knows_what_beat_asks_for() -> None:
    app.loader.import_default_modules()
    asked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert "mail.send" in asked and asked <= set(app.tasks)


def test_a_number_that_comes_again_after_a_restore_is_another_mail() -> None:
    """A mailbox that has seen a Message-ID throws what comes with it away: it would be a lost link."""
    now = timezone.now()
    ids = {
        outbox._message(Letter(pk=7, to="a@example.org", created_at=at)).extra_headers["Message-ID"]
        for at in (now, now, now - timedelta(hours=1))
    }
    assert len(ids) == 2
