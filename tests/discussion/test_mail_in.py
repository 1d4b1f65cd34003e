"""Threads of the list: read, threaded, kept once, mended, and within bounds."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from discussion.mail import importer, letters
from discussion.models import MailThread, Message, Trailer
from people.models import Event
from tests import builders
from tests.discussion.mailbox import large, mail, mbox

pytestmark = pytest.mark.django_db
NOW = "fuse-writeback"


def take(*mails: bytes) -> importer.Taken:
    return importer.take(letters.read(mbox(*mails)))


def tree() -> dict[str, str | None]:
    return {m.message_id: m.parent.message_id if m.parent else None for m in Message.objects.select_related("parent")}


def everything() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (MailThread, Message, Trailer)]


def test_two_hundred_letters_come_into_the_right_tree_and_twice_change_nothing() -> None:
    mails, above = large()
    assert len(mails) == 200
    box = mbox(*mails)
    taken = importer.take(letters.read(box))
    assert (taken.nr_new, taken.nr_known, len(taken.threads)) == (200, 0, 1)
    assert tree() == above
    before = everything()
    events = Event.objects.count()
    again = importer.take(letters.read(box))
    assert (again.nr_new, again.nr_known) == (0, 200)
    assert everything() == before and Event.objects.count() == events


def test_many_letters_are_kept_with_as_many_queries_as_few() -> None:
    mails, _ = large()
    asked = []
    for some in (mails[:20], mails):
        with CaptureQueriesContext(connection) as seen:
            importer.take(letters.read(mbox(*some)))
        asked.append(len(seen))
        MailThread.objects.all().delete()
    assert asked[0] == asked[1] < 30


@pytest.mark.parametrize("seed", range(4))
def test_the_tree_is_the_same_however_it_comes_in(seed: int) -> None:
    mails, above = large()
    chance = random.Random(seed)
    chance.shuffle(mails)
    while mails:
        some, mails = mails[:60], mails[60:]
        take(*some)
    assert tree() == above
    assert MailThread.objects.get().nr_letters == 200


def test_a_letter_that_comes_late_takes_its_placeholders_place() -> None:
    take(mail("c", "a", "b"))
    assert tree() == {"a@example.org": None, "b@example.org": "a@example.org", "c@example.org": "b@example.org"}
    assert Message.objects.filter(present=True).count() == 1
    number = Message.objects.get(message_id="b@example.org").pk
    take(mail("b", "a", text="It came.\n"))
    late = Message.objects.get(message_id="b@example.org")
    assert (late.pk, late.present, late.text) == (number, True, "It came.")


def test_two_threads_become_one_when_what_joins_them_comes() -> None:
    case = builders.case()
    strategy = builders.strategy()
    importer.take(letters.read(mbox(mail("a"))), [case.document])
    importer.take(letters.read(mbox(mail("c", "b", minutes=2))), [strategy.document])
    assert MailThread.objects.count() == 2
    take(mail("b", "a", minutes=1))
    assert tree() == {"a@example.org": None, "b@example.org": "a@example.org", "c@example.org": "b@example.org"}
    thread = MailThread.objects.get()
    assert set(thread.documents.all()) == {case.document, strategy.document}
    assert (thread.root_id, thread.nr_letters) == ("a@example.org", 3)


def test_letters_that_name_each_other_make_no_circle() -> None:
    take(mail("a", "b"), mail("b", "a", minutes=1))
    assert sorted(tree().values(), key=str) == ["None", "b@example.org"] or list(tree().values()).count(None) == 1
    assert MailThread.objects.count() == 1
    assert Client().get(MailThread.objects.get().get_absolute_url()).status_code == 200


def test_letters_without_references_are_threads_of_their_own() -> None:
    take(mail("a", subject="Same"), mail("b", subject="Re: Same"))
    assert MailThread.objects.count() == 2


def text_of(raw: bytes) -> letters.Letter:
    (only,) = letters.read(raw)
    return only


@pytest.mark.parametrize(
    ("charset", "cte", "text"),
    [("utf-8", "quoted-printable", "Größe = 5\n"), ("koi8-r", "base64", "страница\n"), ("iso-2022-jp", None, "山田\n")],
)
def test_charsets_and_encodings_are_read(charset: str, cte: str | None, text: str) -> None:
    assert text_of(mail("a", text=text, charset=charset, cte=cte)).text == text.strip()


HEAD = b"Message-ID: <a@example.org>\nFrom: a@example.org\n"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (HEAD + b"Content-Type: text/plain; charset=none-such\n\nGr\xc3\xb6\xc3\x9fe", "Größe"),
        (HEAD + b"Content-Type: text/plain; charset=utf-8\n\nGr\xf6\xdfe", "Größe"),
        (HEAD + b"\nA\x00B \xe2\x80\xae turned", "A\ufffdB \ufffd turned"),
        (HEAD + b"Content-Type: text/html\n\n<p>It <b>waits</b>.<script>x()</script></p>", "It waits."),
        (
            HEAD + b'Content-Type: multipart/mixed; boundary="x"\n\n--x\nContent-Type: text/plain\n\nOne.\n--x\n'
            b"Content-Type: text/x-patch\n\n+two\n--x\nContent-Type: image/png\n\n\x89PNG\n--x--\n",
            "One.\n+two",
        ),
        (HEAD + b'Content-Type: multipart/alternative; boundary="x"\n\n--x\n\nNever closed.', "Never closed."),
    ],
)
def test_what_is_odd_is_read_as_well_as_can_be(raw: bytes, text: str) -> None:
    assert text_of(raw).text == text


def test_names_are_decoded_after_they_are_taken_apart() -> None:
    raw = (
        HEAD.replace(b"From: a@", b"From: =?utf-8?q?D=C3=B6e=2C_Jane?= <a@") + b"Subject: =?utf-8?b?R3LDtsOfZQ==?=\n\nx"
    )
    letter = text_of(raw)
    assert (letter.author_name, letter.author_address, letter.subject) == ("Döe, Jane", "a@example.org", "Größe")


def test_a_line_that_looks_like_a_beginning_is_part_of_its_letter() -> None:
    text = "Look:\n\nFrom ann@example.org Mon Mar  2 09:00:00 2026\nIt said so.\n"
    (letter,) = letters.read(mbox(mail("a", text=text)))
    assert letter.text.rstrip("\n") == text.rstrip("\n")


def test_an_impossible_date_is_no_date() -> None:
    for date in ("yesterday", "Mon, 99 Foo 2026", "Fri, 1 Jan 9999 00:00:00 +0000"):
        assert text_of(mail("a", Date=date)).sent_at is None


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (b"", "has no Message-ID"),
        (b"\x00\xff" * 1000, "has no Message-ID"),
        (b"Subject: none\n\nx", "has no Message-ID"),
        (b"x" * (letters.MAX_BYTES + 1), "bytes, found"),
        (mbox(*[b"Message-ID: <a@b>\n\nx"] * (letters.MAX_LETTERS + 1)), "mails, found more"),
    ],
)
def test_what_cannot_be_read_is_told(box: bytes, said: str) -> None:
    with pytest.raises(letters.Unreadable, match=said):
        letters.read(box)


def test_a_letter_that_is_too_long_is_cut_and_says_so() -> None:
    take(mail("a", text="word " * 60_000))
    assert "longer than what is kept here" in Client().get("/mail/a@example.org/").content.decode()


def test_the_command_reads_a_file_and_puts_it_to_its_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    builders.case()
    file = tmp_path / "thread.mbox.gz"
    file.write_bytes(gzip.compress(mbox(mail("a"), mail("b", "a"))))
    call_command("import_thread", str(file), "--case", "fuse-writeback")
    assert "/mail/a@example.org/  2 letters  A question\n2 new, 0 known" in capsys.readouterr().out
    assert "A question" in Client().get("/cases/fuse-writeback/").content.decode()
    for bad in (("none",), (str(file), "--case", "none")):
        with pytest.raises(CommandError, match="none"):
            call_command("import_thread", *bad)


def test_a_page_of_many_letters_asks_as_often_as_one_of_few() -> None:
    case = builders.case()

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert Client().get(path).status_code == 200
        return len(seen)

    mails, _ = large()
    importer.take(letters.read(mbox(*mails[:6])), [case.document])
    few = [queries(path) for path in ("/mail/topic@example.org/", "/cases/fuse-writeback/")]
    importer.take(letters.read(mbox(*mails)), [case.document])
    importer.take(letters.read(mbox(mail("other"))), [case.document])
    assert [queries(path) for path in ("/mail/topic@example.org/", "/cases/fuse-writeback/")] == few
    assert queries("/mail/topic@example.org/?page=4") == few[0]
