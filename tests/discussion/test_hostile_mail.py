"""Mail that somebody sends to the list in order to harm whoever imports it: time, depth and addresses stay bounded."""

from __future__ import annotations

import gzip
import time

import pytest
from django.test import Client

from discussion import archive, letters, mail_in, patches
from discussion.models import MailThread
from tests.discussion.mailbox import mail, mbox

SECONDS = 2.0  # each took from half a minute to hours


def test_a_trailer_of_blanks_costs_no_more_than_other_lines() -> None:
    began = time.monotonic()
    assert patches.trailers(("Acked-by:" + " " * 200_000 + "\n") + "Acked-by: \t Ann  <ann@example.org>\n") == [
        patches.Given("Acked-by", "Ann", "ann@example.org")
    ]
    assert time.monotonic() - began < SECONDS


def test_a_line_that_nearly_begins_a_mail_costs_no_more_than_others() -> None:
    began = time.monotonic()
    body = b"From " + b"12:34 " * 200_000
    assert len(letters.read(mbox(mail("a")) + b"\n\n" + body)) == 1
    assert time.monotonic() - began < SECONDS
    assert len(letters.read(mbox(mail("a"), mail("b")))) == 2


@pytest.mark.parametrize(
    "harm",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)),
        b"To: " + b"(" * 5_000 + b"\n\nx",
    ],
    ids=["parts", "comments"],
)
def test_what_is_nested_too_deep_is_refused(harm: bytes) -> None:
    with pytest.raises(letters.Unreadable, match="mail 1 "):
        letters.read(b"Message-ID: <a@example.org>\n" + harm)
    assert letters.read(b"Message-ID: <a@example.org>\nTo: (one)\n\nx")


def test_a_thread_packed_in_countless_pieces_is_refused() -> None:
    piece = gzip.compress(b"")
    assert archive.unpacked(piece * 10 + gzip.compress(b"x")) == b"x"
    began = time.monotonic()
    with pytest.raises(archive.NotFetched, match="members"):
        archive.unpacked(piece * 200_000)
    assert time.monotonic() - began < SECONDS


@pytest.mark.django_db
def test_an_address_in_the_place_of_a_name_is_hidden_as_others_are() -> None:
    said = mail("b", "a", by='"jane@example.org" <jane@example.org>', text="Acked-by: A <a@b.example>\n", minutes=1)
    more = [mail(key, "a", minutes=2) for key in ("c", "d")]
    mail_in.take(letters.read(mbox(mail("a"), said, *more)))
    page = Client().get(MailThread.objects.get().get_absolute_url()).content.decode()
    assert "ja…@example.org" in page and "jane@example.org" not in page
