"""Fetching threads from an archive: a server of the tests' own, on loopback."""

from __future__ import annotations

import gzip
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from discussion.mail import archive, fetcher, importer
from discussion.models import MailThread, Message
from people.models import Role
from rest.bounds import bounded
from tests import builders
from tests.discussion.mailbox import START, mail, mbox
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db
BOX = gzip.compress(mbox(mail("a"), mail("b", "a", minutes=1)))


class Archive:
    """What it answers is set by the test; what it was asked is kept."""

    def __init__(self) -> None:
        self.answer: Callable[[str], tuple[int, dict[str, str], bytes]] = lambda path: (200, {}, BOX)
        self.asked: list[str] = []
        self.now: Any = None
        self.write: Callable[[Any, bytes], object] = lambda file, body: file.write(body)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.now = self.wfile
                code, headers, body = outer.answer(self.path)
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    outer.write(self.wfile, body)
                except OSError:
                    pass  # the client had enough

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def lists(settings: Any) -> Iterator[Archive]:
    made = Archive()
    settings.ARCHIVE, settings.ARCHIVE_HOSTS = f"http://{made.host}/all/", [made.host]
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def now_is(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    at = START + timedelta(days=days)
    monkeypatch.setattr(timezone, "now", lambda: at)


def test_a_thread_whose_letters_end_their_reader_says_so_and_is_tried_again(
    lists: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = gzip.compress(mbox(mail("a", text="x\n" * bounded.SMALL_BYTES)))
    lists.answer = lambda path: (200, {}, large)
    thread = fetcher.ask_for("a@example.org", [])
    with monkeypatch.context() as none:
        none.setattr(sys, "executable", "/bin/false")
        none.setattr(bounded._pool, "idle", [])
        assert fetcher.fetch(thread) is None
    thread.refresh_from_db()
    assert thread.fault == "the helper ended with 1" and thread.next_fetch_at is not None
    assert fetcher.fetch(thread) is not None


def test_a_thread_that_was_asked_for_is_fetched_and_put_to_its_case(lists: Archive) -> None:
    case = builders.case()
    client = Client()
    client.force_login(builders.person(role=Role.EDITOR))
    answer = client.post("/mail/import/", {"message_id": "<b@example.org>", "about": "fuse-writeback"})
    assert answer["Location"] == "/mail/b@example.org/"
    assert "Requested, but not fetched yet" in client.get("/mail/b@example.org/").content.decode()
    assert fetcher.fetch_due() == 1
    assert lists.asked == ["/all/b@example.org/t.mbox.gz"]
    thread = MailThread.objects.get()
    assert (thread.root_id, thread.nr_letters, thread.fault, list(thread.documents.all())) == ("a@example.org", 2, "", [case.document])  # fmt: skip  # noqa: E501
    assert Client().get("/mail/b@example.org/")["Location"].startswith("/mail/a@example.org/#m")
    assert fetcher.fetch_due() == 0


def test_it_is_followed_while_it_lives_and_no_longer(lists: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    now_is(monkeypatch, 1)
    thread = fetcher.ask_for("a@example.org", [])
    MailThread.objects.update(created_at=START)
    fetcher.fetch_due()

    def wait() -> timedelta | None:
        thread.refresh_from_db()
        return thread.next_fetch_at and thread.next_fetch_at - timezone.now()

    assert wait() == timedelta(hours=1)
    now_is(monkeypatch, 1.02)
    assert fetcher.fetch_due() == 0
    lists.answer = lambda path: (200, {}, gzip.compress(mbox(mail("a"), mail("b", "a", minutes=1), mail("c", "b"))))
    now_is(monkeypatch, 1.05)
    assert fetcher.fetch_due() == 1 and Message.objects.count() == 3
    now_is(monkeypatch, 20)
    assert fetcher.fetch_due() == 1 and wait() == timedelta(days=1)
    now_is(monkeypatch, 70)
    assert fetcher.fetch_due() == 1 and wait() is None
    now_is(monkeypatch, 90)
    assert fetcher.fetch_due() == 0


BOMB = gzip.compress(b"From a@b Mon Mar  2 09:00:00 2026\n" + b"x" * (40 << 20))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((404, {}, b""), "the archive answered 404"),
        ((500, {}, b""), "the archive answered 500"),
        ((200, {}, b""), "has no Message-ID"),
        ((200, {}, b"<html>"), "has no Message-ID"),
        ((200, {}, BOX[:-20]), "ends too early"),
        ((200, {}, b"\x1f\x8b" + b"\x00" * 50), "damaged"),
        ((200, {}, BOMB), "bytes when unpacked"),
        ((200, {}, b"x" * (archive.MAX_RECEIVED_BYTES + 1)), "is larger than"),
        ((302, {"Location": "http://example.org/x"}, b""), "example.org is no host"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "the archive answered 302"),
        ((302, {"Location": "/all/a@example.org/t.mbox.gz"}, b""), "the archive answered 302"),
        ((200, {}, gzip.compress(mbox(mail("x")))), "does not hold this Message-ID"),
    ],
)
def test_what_the_archive_does_wrong_is_noted_at_the_thread(
    lists: Archive, answer: tuple[int, dict[str, str], bytes], fault: str
) -> None:
    lists.answer = lambda path: answer
    thread = fetcher.ask_for("a@example.org", [])
    assert fetcher.fetch_due() == 1
    thread.refresh_from_db()
    assert fault in thread.fault
    assert fault in Client().get("/mail/a@example.org/").content.decode()
    assert fetcher.fetch_due() == 0


def test_a_redirect_within_the_list_of_hosts_is_followed(lists: Archive) -> None:
    moved = {"Location": f"http://{lists.host}/mm/t.mbox.gz"}
    lists.answer = lambda path: (200, {}, BOX) if path.startswith("/mm/") else (302, moved, b"")
    thread = fetcher.ask_for("a@example.org", [])
    fetcher.fetch_due()
    thread.refresh_from_db()
    assert (thread.fault, thread.nr_letters) == ("", 2)


def test_a_host_that_is_not_listed_is_not_asked(lists: Archive, settings: Any) -> None:
    settings.ARCHIVE_HOSTS = ["lore.example"]
    with pytest.raises(archive.NotFetched, match="is no host"):
        archive.thread("a@example.org")
    assert lists.asked == []


def test_in_production_http_is_not_asked(lists: Archive, settings: Any) -> None:
    settings.LOCAL = False
    with pytest.raises(archive.NotFetched, match="https alone"):
        archive.thread("a@example.org")
    assert lists.asked == []


def test_packed_members_one_after_another_are_read() -> None:
    assert archive.unpacked(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    with pytest.raises(archive.NotFetched):
        archive.unpacked(zlib.compress(b"a").replace(b"x\x9c", b"\x1f\x8b"))


def test_an_archive_that_drips_is_left_at_the_deadline(lists: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte each 20 ms, in the headers and in the body: none of the reads by itself takes long."""
    monkeypatch.setattr(archive, "SECONDS", 0.3)
    over = threading.Event()

    def drip(file: Any, body: bytes) -> None:
        while not over.wait(0.02):
            file.write(b"x")

    try:
        lists.write = drip
        with pytest.raises(archive.NotFetched, match="did not come within"):
            archive.thread("a@example.org")
        lists.answer = lambda path: (drip(lists.now, b""), (200, {}, b""))[1]
        with pytest.raises(archive.NotFetched, match="did not come within"):
            archive.thread("a@example.org")
    finally:
        over.set()


def test_a_mail_that_cannot_be_read_is_named_and_the_rest_is_kept_and_followed(
    lists: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_is(monkeypatch, 1)
    mixed = b"Message-ID: <b@example.org>\nContent-Type: multipart/mixed; boundary=b\n\n"
    bad = mixed + b"--b\n\n" * 300
    lists.answer = lambda path: (200, {}, mbox(mail("a"), bad, mail("c", "a", minutes=2)))
    thread = fetcher.ask_for("a@example.org", [])
    assert fetcher.fetch_due() == 1
    thread.refresh_from_db()
    assert (thread.nr_letters, thread.fault) == (2, "") and thread.next_fetch_at
    assert "mail 2: more than 200 parts" in thread.skipped
    assert "mail 2: more than 200 parts" in Client().get("/mail/a@example.org/").content.decode()


def test_a_thread_that_cannot_be_kept_stops_no_other(lists: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = fetcher.ask_for("x@example.org", []), fetcher.ask_for("a@example.org", [])
    taking = importer.take

    def take(box: Any, *given: Any) -> importer.Taken:
        if "x@example.org" in lists.asked[-1]:
            with transaction.atomic():
                MailThread.objects.create(root_id="x" * 300, subject="")  # longer than its column
        return taking(box, *given)

    monkeypatch.setattr(importer, "take", take)
    while fetcher.fetch_due():
        pass
    bad.refresh_from_db()
    good.refresh_from_db()
    assert "cannot be kept" in bad.fault and good.nr_letters == 2


def test_the_command_fetches_by_message_id(lists: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_thread", "https://lore.kernel.org/all/a@example.org/")
    assert "2 new, 0 known" in capsys.readouterr().out
    lists.answer = lambda path: (404, {}, b"")
    with pytest.raises(CommandError, match="the archive answered 404"):
        call_command("import_thread", "none@example.org")


def test_an_editor_sends_a_mailbox(lists: Archive) -> None:
    builders.case()
    client = Client()
    client.force_login(builders.person(role=Role.EDITOR))
    file = SimpleUploadedFile("t.mbox.gz", BOX)
    answer = client.post("/mail/import/", {"mailbox": file, "about": "fuse-writeback"})
    assert answer["Location"] == "/mail/a@example.org/" and Message.objects.count() == 2
    assert lists.asked == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"about": "fuse-writeback"}, "one of the two"),
        ({"message_id": "not one", "about": "fuse-writeback"}, "This is no Message-ID"),
        ({"message_id": "a@b.org", "about": "none"}, "no case and no strategy none"),
        ({"message_id": "a@b.org", "about": ""}, "This field is required"),
    ],
)
def test_a_bad_form_is_told_and_asks_nobody(lists: Archive, fields: dict[str, str], said: str) -> None:
    builders.case()
    client = Client()
    client.force_login(builders.person(role=Role.EDITOR))
    answer = client.post("/mail/import/", fields)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert not MailThread.objects.exists()


@pytest.mark.parametrize(
    ("query", "up", "here"),
    [
        ("", '<a href="/strategies/">Strategies</a>', "Strategies"),
        ("?about=fuse-writeback", '<a href="/cases/fuse-writeback/#discussion">fuse-writeback</a>', "Cases"),
        ("?about=a-strategy", '<a href="/strategies/a-strategy/#discussion">a-strategy</a>', "Strategies"),
        ("?about=%22%3E%3Cb%3E%00", '<a href="/strategies/">Strategies</a>', "Strategies"),
    ],
)
def test_the_form_says_where_it_belongs(query: str, up: str, here: str) -> None:
    builders.case()
    builders.strategy()
    client = Client()
    client.force_login(builders.person(role=Role.EDITOR))
    page = on_one_line(client.get(f"/mail/import/{query}"))
    assert f'<p class="crumb"> {up} / import mail </p>' in page and f' aria-current="page">{here}</a>' in page
    assert '"><b>' not in page


def test_only_editors_import() -> None:
    client = Client()
    assert client.get("/mail/import/")["Location"].startswith("/sign-in/")
    client.force_login(builders.person())
    assert client.get("/mail/import/").status_code == 403
