"""Mail that somebody sends to the list in order to harm whoever imports it: time, depth and addresses stay bounded."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client

from discussion.mail import archive, importer, letters, patches, threading
from discussion.models import MailThread, Message
from tests import cpu
from tests.discussion.mailbox import DIFF, mail, mbox

SECONDS = 2.0  # each took from half a minute to hours


def test_a_trailer_of_blanks_costs_no_more_than_other_lines() -> None:
    with cpu.bounded(SECONDS):
        assert patches.trailers(("Acked-by:" + " " * 200_000 + "\n") + "Acked-by: \t Ann  <ann@example.org>\n") == [
            patches.Given("Acked-by", "Ann", "ann@example.org")
        ]


def test_a_line_that_nearly_begins_a_mail_costs_no_more_than_others() -> None:
    with cpu.bounded(SECONDS):
        body = b"From " + b"12:34 " * 200_000
        assert len(letters.read(mbox(mail("a")) + b"\n\n" + body)) == 1
    assert len(letters.read(mbox(mail("a"), mail("b")))) == 2


HEAD = b"Message-ID: <a@example.org>\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"


@pytest.mark.parametrize(
    "harm",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)),
        MIXED + b"--b\n\nx\n" * 200_000,
        b"Content-Type: message/rfc822\n\n" * 30_000,
        b"\n" + b"x" * letters.MAX_LETTER_BYTES,
    ],
    ids=["parts in parts", "parts", "mails in mails", "size"],
)
def test_a_mail_beyond_the_bounds_is_skipped_and_named_and_the_others_are_kept(harm: bytes) -> None:
    with cpu.bounded(SECONDS):
        box = letters.read(mbox(HEAD + harm, mail("b")))
    assert [letter.message_id for letter in box] == ["b@example.org"]
    assert box.note.startswith("Skipped mail 1: ")
    with pytest.raises(letters.Unreadable, match="mail 1: "):
        letters.read(HEAD + harm)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: =?utf-8?b?a?=\n\nx",
        b"To: =?utf-8?b?a?= <a@example.org>\nReferences: =?utf-8?b?a?=\n\nx",
        b"Content-Type: text/plain; charset*=\x00''x\n\nx",
        b"Subject: =?\x00?q?a?=\n\nx",
        b"To: " + b"(" * 100_000 + b"\n\nx",
        b"Date: Mon, 99 Jan 99999 99:99:99 +99999999999\n\nx",
        b"Content-Transfer-Encoding: x-uuencode\n\nbegin\n\xff",
    ],
)
def test_what_is_broken_in_a_mail_costs_that_alone(raw: bytes) -> None:
    assert [letter.message_id for letter in letters.read(mbox(HEAD + raw, mail("b")))] == [
        "a@example.org",
        "b@example.org",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\nTo: " + b"=?utf-8?q?a?= <a@b.c>, " * 50_000 + b"\n\nx",
        b"Subject: " + b"=?punycode?q?aaaaaaaaaaaaaaaaaaaaaaaaaa?= " * 5_000 + b"\n\nx",
        b"Content-Type: text/plain" + b";" * 500_000 + b"\n\nx",
        b"Content-Type: text/plain; charset=punycode\n\n" + b"a" * 1_000_000,
        b"To: a@b.c\n" * 100_000 + b"\n\nx",
        b"Content-Type: text/html\n\n" + b"<div>" * 200_000,
        MIXED + b"--b\nContent-Type: text/plain" + b";" * 100_000 + b"\n\nx\n",
    ],
    ids=["encoded words", "punycode words", "parameters", "punycode", "many of one header", "elements", "in a part"],
)
def test_reading_a_mail_costs_time_by_its_length_alone(raw: bytes) -> None:
    with cpu.bounded(SECONDS):
        (letter,) = letters.read(HEAD + raw)
    assert letter.message_id == "a@example.org"


def test_a_chain_of_references_is_threaded_in_time_and_in_bounded_depth() -> None:
    ids = [f"{n}@example.org" for n in range(40_000)]
    with cpu.bounded(SECONDS):
        above = threading.parents((f"own-{n}", ids[n : n + 101]) for n in range(0, 40_000, 100))
        roots = threading.roots(above)
    assert roots[ids[threading.DEEPEST // 2]] == ids[0] and len(set(roots.values())) > 1
    assert all(above[root] is None for root in set(roots.values()))


@pytest.mark.django_db
@pytest.mark.parametrize("text", [">\nx\n" * 49_000, DIFF + "+\n" * 90_000, "http://a " * 22_000])
def test_a_page_of_long_letters_is_bounded_in_time_and_size(text: str) -> None:
    importer.take(letters.read(mbox(mail("a"), *[mail(str(n), "a", text=text, minutes=n) for n in range(1, 5)])))
    with cpu.bounded(SECONDS):
        answer = Client().get("/mail/a@example.org/")
    assert len(answer.content) < 3_500_000 and "page=2" in answer.content.decode()
    last = Message.objects.get(message_id="4@example.org")
    assert Client().get("/mail/4@example.org/")["Location"].endswith(f"?page=2#m{last.pk}")
    assert f'id="m{last.pk}"' in Client().get("/mail/a@example.org/?page=2").content.decode()


def test_blocks_beyond_the_bound_are_one_and_nothing_is_lost() -> None:
    made = patches.blocks(">\nx\n" * 1_000)
    assert len(made) == patches.MOST_BLOCKS and "\n".join(block.text for block in made) == (">\nx\n" * 1_000).strip(
        "\n"
    )


def test_a_thread_packed_in_countless_pieces_is_refused() -> None:
    piece = gzip.compress(b"")
    assert archive.unpacked(piece * 10 + gzip.compress(b"x")) == b"x"
    with cpu.bounded(SECONDS), pytest.raises(archive.NotFetched, match="members"):
        archive.unpacked(piece * 200_000)


@pytest.mark.django_db
def test_an_address_in_the_place_of_a_name_is_hidden_as_others_are() -> None:
    said = mail("b", "a", by='"jane@example.org" <jane@example.org>', text="Acked-by: A <a@b.example>\n", minutes=1)
    more = [mail(key, "a", minutes=2) for key in ("c", "d")]
    importer.take(letters.read(mbox(mail("a"), said, *more)))
    page = Client().get(MailThread.objects.get().get_absolute_url()).content.decode()
    assert "ja…@example.org" in page and "jane@example.org" not in page
