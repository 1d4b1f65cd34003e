"""Mail that comes in: what becomes of each, hostile mail among it; through LMTP and as a pipe; kept whole."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import smtplib
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from catalog.models import Document
from discussion.answers import lmtp, receiving
from discussion.answers.reading import MAX_BYTES
from discussion.answers.said import said
from discussion.comments import threads
from discussion.comments.told import id_of
from discussion.models import Comment, Incoming, Lock, Message
from mailing.follows import following, subjects
from mailing.letters import tokens
from mailing.models import Notice, Trouble
from people import journal
from people.models import Role, User
from tests import builders, cpu
from tests.running import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def comes_in(settings: Any) -> None:
    settings.MAIL_IN = "in.unmigratable.example"


@pytest.fixture
def case() -> Document:
    return builders.case().document


@pytest.fixture
def ben() -> User:
    user = builders.person("ben")
    EmailAddress.objects.create(user=user, email="Ben@example.org", verified=True, primary=True)
    return user


@pytest.fixture
def to(ben: User, case: Document) -> str:
    return tokens.address("answer", ben.pk, case.pk)


def mail(text: str = "It is bounded since 6.14.\n", by: str = "Ben <ben@example.org>", **headers: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = by, "unmigratable", "Re: [unmigratable] fuse-writeback: commented"
    made["Message-ID"] = headers.pop("message_id", "<one@example.org>")
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


def test_an_answer_stands_below_what_it_answers_and_the_whole_mail_is_kept(case: Document, ben: User, to: str) -> None:
    asked = threads.say(case, builders.person("ann"), "For how long?")
    raw = mail("> For how long?\n\nFor ever.\n\n-- \nBen\n", References=f"<x@y> <{id_of(asked)}>")
    answer = receiving.receive(raw, to.upper())
    comment = Comment.objects.get(author=ben)
    assert answer.fate == "taken" and comment.permalink in answer.text
    assert (comment.parent, comment.text) == (asked, "> For how long?\n\nFor ever.")
    kept = Incoming.objects.get()
    assert bytes(kept.raw) == raw and kept.comment == comment
    assert receiving.receive(raw, to).text == "is here already" and Comment.objects.count() == 2


def _raw(head: str, body: bytes = b"Words.\n") -> bytes:
    return head.encode("latin-1") + b"\n" + body


FROM = "From: Ben <ben@example.org>\nMessage-ID: <h@example.org>\n"
NESTED = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(60))
ENDLESS = "References: " + " ".join(f"<{n}@example.org>" for n in range(20_000)) + "\n"
REPORT = (
    b"From: MAILER-DAEMON\nMessage-ID: <dsn@mx.example>\nAuto-Submitted: auto-replied\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="r"\n\n'
    b"--r\nContent-Type: text/plain\n\nIt failed.\n"
    b"--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
    b"Final-Recipient: rfc822; ben@example.org\nAction: %s\nStatus: %s\n"
    b"Diagnostic-Code: smtp; 550 no such user\n\n--r--\n"
)
# What comes in: what the mail server is told, and what is kept; then what of it is shown, where it is taken.
CORPUS: dict[str, tuple[bytes, str, str | None, str | None]] = {
    "a header of two megabytes": (_raw(FROM + "X: " + "x" * (2 << 20) + "\n"), "552 5.3.4", None, ""),
    "a header of half a megabyte": (_raw(FROM + "X: " + "x" * (1 << 19) + "\n"), "250 2.0.0", "taken", "Words."),
    "ten thousand headers": (_raw(FROM + "X: y\n" * 10_000), "250 2.0.0", "taken", "Words."),
    "parts within parts": (_raw(FROM + NESTED), "550 5.6.0", None, ""),
    "a thousand parts": (
        _raw(FROM + "Content-Type: multipart/mixed; boundary=b\n", b"--b\n\nx\n" * 1_000 + b"--b--\n"),
        *("550 5.6.0", None, ""),
    ),
    "a charset that is none": (
        _raw(FROM + "Content-Type: text/plain; charset=klingon\n", "Grüße.\n".encode()),
        *("250 2.0.0", "taken", "Grüße."),
    ),
    "a charset that it is not": (
        _raw(FROM + "Content-Type: text/plain; charset=us-ascii\n", b"Gr\xfc\xdfe.\n"),
        *("250 2.0.0", "taken", "Grüße."),
    ),
    "eight bits without a word of it": (_raw(FROM, "Grüße.\n".encode()), "250 2.0.0", "taken", "Grüße."),
    "NUL and escapes": (_raw(FROM, b"a\x00b\x1b[31mc\n"), "250 2.0.0", "taken", "a\ufffdb\ufffd[31mc"),
    "base64 that is broken": (
        _raw(FROM + "Content-Transfer-Encoding: base64\n", b"V29yZHMu%%%\n"),
        *("250 2.0.0", "taken", "Words."),
    ),
    "a header within a subject": (
        _raw(FROM + "Subject: =?utf-8?q?a=0D=0ABcc:_all@example.org?=\n"),
        *("250 2.0.0", "taken", "Words."),
    ),
    "HTML alone": (
        _raw(FROM + "Content-Type: text/html\n", b"<p>Words.<script>alert(1)</script></p>\n"),
        *("250 2.0.0", "taken", "Words."),
    ),
    "HTML beside text": (
        _raw(
            FROM + "Content-Type: multipart/alternative; boundary=b\n",
            b"--b\nContent-Type: text/html\n\n<b>no</b>\n--b\nContent-Type: text/plain\n\nyes\n--b--\n",
        ),
        *("250 2.0.0", "taken", "yes"),
    ),
    "encrypted (PGP/MIME)": (
        _raw(
            FROM + 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\n', b"--b--\n"
        ),
        *("550 5.6.0", None, ""),
    ),
    "encrypted (inline)": (
        _raw(FROM, b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"),
        *("550 5.6.0", None, ""),
    ),
    "encrypted (S/MIME)": (
        _raw(
            FROM + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n"
            "Content-Transfer-Encoding: base64\n",
            b"MIAGCSqGSIb3DQEHA6CA\n",
        ),
        *("550 5.6.0", None, ""),
    ),
    "signed (PGP/MIME)": (
        _raw(
            FROM + 'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\n',
            b"--b\nContent-Type: text/plain\n\nWords.\n--b\nContent-Type: application/pgp-signature\n\n"
            b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n--b--\n",
        ),
        *("250 2.0.0", "taken", "Words."),
    ),
    "signed (inline)": (
        _raw(
            FROM,
            b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nWords.\n- -- \nBen\n-----BEGIN PGP SIGNATURE-----\n\n"
            b"iQEz\n-----END PGP SIGNATURE-----\n",
        ),
        *("250 2.0.0", "taken", "Words."),
    ),
    "UTF-7 that hides mark-up": (
        _raw(FROM + "Content-Type: text/plain; charset=utf-7\n", b"Words. +ADw-script+AD4-alert(1)+ADw-/script+AD4-\n"),
        *("250 2.0.0", "taken", None),
    ),
    "UTF-16": (
        _raw(
            FROM + "Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n",
            base64.encodebytes("Words.\n".encode("utf-16")),
        ),
        *("250 2.0.0", "taken", "Words."),
    ),
    "a name with line ends": (
        _raw("From: =?utf-8?q?Ben=0D=0ABcc:_all=40example.org?= <ben@example.org>\nMessage-ID: <h@example.org>\n"),
        *("250 2.0.0", "taken", "Words."),
    ),
    "a Message-ID of a megabyte": (
        _raw("From: ben@example.org\nMessage-ID: <" + "x" * 900_000 + "@example.org>\n"),
        *("550 5.6.0", None, ""),
    ),
    "an endless thread": (_raw(FROM + ENDLESS), "250 2.0.0", "taken", "Words."),
    "nothing but a quote": (_raw(FROM, b"> It was said.\n"), "550 5.6.0", None, ""),
    "nothing": (_raw(FROM, b""), "550 5.6.0", None, ""),
    "only an attachment": (
        _raw(FROM + "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n", b"JVBERi0=\n"),
        *("550 5.6.0", None, ""),
    ),
    "more than a comment holds": (_raw(FROM, b"word " * 5_000 + b"\n"), "552 5.3.4", None, ""),
    "half a million quote signs": (_raw(FROM, b"> " * 250_000 + b"\nx\n"), "552 5.3.4", None, ""),
    "a stranger": (mail(by="Eve <eve@example.net>"), "250 2.0.0", "waiting", "It is bounded since 6.14."),
    "two senders": (
        _raw("From: ben@example.org, eve@example.net\nMessage-ID: <h@example.org>\n"),
        *("250 2.0.0", "waiting", "Words."),
    ),
    "a name that is an address of ours": (
        _raw('From: "ben@example.org" <eve@example.net>\nMessage-ID: <h@example.org>\n'),
        *("250 2.0.0", "waiting", "Words."),
    ),
    "no sender": (_raw("Message-ID: <h@example.org>\n"), "250 2.0.0", "waiting", "Words."),
    "no Message-ID": (_raw("From: ben@example.org\n"), "250 2.0.0", "taken", "Words."),
    "on holiday": (mail(Auto_Submitted="auto-replied"), "250 2.0.0", "ignored", ""),
    "on holiday, by an old program": (mail(Precedence="bulk"), "250 2.0.0", "ignored", ""),
    "by a person, who says so": (mail(Auto_Submitted="no"), "250 2.0.0", "taken", "It is bounded since 6.14."),
    "round and round": (_raw(FROM + "Received: from a by b\n" * 60), "250 2.0.0", "ignored", ""),
    "from ourselves": (mail(by="unmigratable <noreply@127.0.0.1>"), "250 2.0.0", "ignored", ""),
    "what came back, at the address of answers": (REPORT % (b"failed", b"5.1.1"), "250 2.0.0", "ignored", ""),
    "no mail at all": (bytes(range(256)) * 40, "250 2.0.0", "waiting", None),
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus(name: str, case: Document, ben: User, to: str) -> None:
    raw, code, fate, shown = CORPUS[name]
    answer = receiving.receive(raw, to)
    assert (answer.code.value, answer.fate) == (code, fate), answer
    assert "\n" not in str(answer) and len(str(answer)) < 400
    assert Comment.objects.count() == (fate == "taken")
    if fate is None:
        assert not Incoming.objects.exists()
        return
    kept = Incoming.objects.get()
    assert bytes(kept.raw) == raw and kept.fate == fate
    if shown is not None:
        assert (Comment.objects.get().text if fate == "taken" else kept.text) == shown
    if fate == "taken":
        page = Client().get("/cases/fuse-writeback/")
        assert page.status_code == 200 and "<script>alert" not in page.content.decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda to: to.replace("answer+", "answer+a"),
        lambda to: to.replace("answer+", "bounce+"),
        lambda to: to[:-5] + "other",
        lambda to: "answer+@in.unmigratable.example",
        lambda to: "answer+" + "a" * 5_000 + "@in.unmigratable.example",
        lambda to: "answer+ÄÖ=@in.unmigratable.example",
        lambda to: to + "\r\nBcc: all@example.org",
        lambda to: to.replace("answer+", "answer+\n"),
        lambda to: to.replace("@", "\x00@"),
        lambda to: "postmaster@in.unmigratable.example",
        lambda to: "",
    ],
)
def test_a_forged_address_takes_nothing(change: Any, case: Document, ben: User, to: str) -> None:
    answer = receiving.receive(mail(), change(to))
    assert answer.code.value == "550 5.1.1" and not Incoming.objects.exists()


def test_every_change_of_one_sign_is_a_forgery(to: str) -> None:
    local, _, domain = to.partition("@")
    for n in range(len("answer+"), len(local)):
        for other in "a7":
            if local[n] != other:
                found = tokens.read_address(f"{local[:n]}{other}{local[n + 1 :]}@{domain}")
                assert found is None or n == len(local) - 1, n  # the last sign may hold bits that say nothing


def test_an_address_expires_and_says_where_to_go(case: Document, to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + tokens.ANSWERED_FOR + timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    answer = receiving.receive(mail(), to)
    assert answer.code.value == "550 5.1.1" and "/cases/fuse-writeback/" in answer.text


def test_who_may_not_speak_may_not_by_mail(case: Document, ben: User, to: str) -> None:
    Lock.objects.create(document=case, by=ben, why="Enough.")
    assert "locked: Enough." in receiving.receive(mail(), to).text
    Lock.objects.all().delete()
    Document.objects.filter(pk=case.pk).update(state="draft")
    assert receiving.receive(mail(), to).code.value == "550 5.7.1"
    Document.objects.filter(pk=case.pk).update(state="published")
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert receiving.receive(mail(), to).code.value == "550 5.7.1"


def test_who_says_much_waits_and_the_server_tries_again(case: Document, ben: User, to: str) -> None:
    for n in range(threads.MOST_IN_WINDOW):
        threads.say(case, ben, str(n))
    assert receiving.receive(mail(), to).code.value.startswith("451")
    assert not Incoming.objects.exists(), "it is not known already when it comes again"


def test_where_the_mail_server_checks_senders_its_word_is_asked_for(
    case: Document, ben: User, to: str, settings: Any
) -> None:
    """A From is anybody's to write. What stands below the first such header may be the sender's own."""
    settings.MAIL_AUTH = "mx.unmigratable.example"
    passed = "Authentication-Results: mx.unmigratable.example; spf=pass; dmarc=pass header.from=example.org\n"
    failed = passed.replace("dmarc=pass", "dmarc=fail")
    other = passed.replace("mx.unmigratable.example", "mx.example.net")
    for n, (head, fate) in enumerate(
        [("", "waiting"), (failed, "waiting"), (other, "waiting"), (failed + passed, "waiting"), (passed, "taken")]
    ):
        assert receiving.receive(_raw(f"{head}From: ben@example.org\nMessage-ID: <{n}@e>\n"), to).fate == fate, head


def test_strangers_are_bounded(case: Document, to: str) -> None:
    for n in range(receiving.MOST_WAITING_OF_ONE):
        assert receiving.receive(mail(by="e@e.example", message_id=f"<{n}@e>"), to).fate == "waiting"
    assert receiving.receive(mail(by="e@e.example", message_id="<more@e>"), to).code.value.startswith("452")


def test_a_strangers_mail_stands_beside_the_list_once_an_editor_says_so(case: Document, ben: User, to: str) -> None:
    receiving.receive(mail(by="Eve <eve@example.net>"), to)
    ed = Client()
    ed.force_login(builders.person("ed", Role.EDITOR))
    waiting = Incoming.objects.get()
    assert "Mail of strangers" in ed.get("/inbox/").content.decode()
    assert "It is bounded since 6.14." in ed.get("/moderation/mail/").content.decode()
    whole = ed.get(f"/moderation/mail/{waiting.pk}/")
    assert whole.content == bytes(waiting.raw) and "attachment" in whole["Content-Disposition"]
    assert Client().get(f"/moderation/mail/{waiting.pk}/").status_code == 302
    ed.post("/moderation/mail/", {"mail": waiting.pk, "act": "let-through"})
    assert Message.objects.get(present=True).author_address == "eve@example.net"
    assert not Comment.objects.exists() and Incoming.objects.get().fate == "let_through"
    assert "is bounded since" in Client().get("/mail/one@example.org/").content.decode()
    ed.post("/moderation/mail/", {"mail": waiting.pk, "act": "decline"})
    assert Incoming.objects.get().fate == "let_through"


@pytest.mark.parametrize(
    ("action", "status", "nr"), [(b"failed", b"5.1.1", 1), (b"delayed", b"4.4.1", 0), (b"failed", b"4.2.2", 0)]
)
def test_what_comes_back_is_counted_once(
    action: bytes, status: bytes, nr: int, case: Document, ben: User, to: str
) -> None:
    following.set_cadence(ben, subjects.of_document(case).subject, "at_once")
    event = journal.record("case.published", "case", case.slug)
    notice = Notice.objects.create(
        user=ben,
        event=event,
        topic="x",
        state="sent",
        settled_at=timezone.now(),
        mail="00000000-0000-4000-8000-000000000001",
    )
    address = tokens.address("bounce", ben.pk, notice.pk)
    for _ in range(2):
        assert receiving.receive(REPORT % (action, status), address).code.value == "250 2.0.0"
    assert sum(Trouble.objects.values_list("nr_bounces", flat=True)) == nr
    if nr:
        assert "no such user" in Trouble.objects.get().why


INLINE = "> It waits.\n> For ever.\n\nNo, since v6.14 not.\n\n> See fuse_writepages.\n\nI did."


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (f"Hi Ann,\n\nOn Sun, Nov 29, 2026, Ann wrote:\n{INLINE}\n\n-- \nBen\n", None),
        ("Yes.\n\nOn Sun, Nov 29, 2026 at 10:00 AM Ann <a@b.example> wrote:\n> It waits.\n>\n> For ever.\n", "Yes."),
        ("Yes.\n\nAm 29. November 2026 schrieb Ann\n<a@b.example>:\n\n> It waits.\n", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: Ann\nSent: Sunday\n\nIt waits.\n", "Yes."),
        (
            "Yes.\n\n____________________\nFrom: Ann <a@b.example>\nSent: Sunday\nTo: B\n\nIt waits.\n",
            "Yes.",
        ),
        ("Two ways:\n\n> one\n> two\n", "Two ways:"),
        ("> quoted\n\nYes.\n", "> quoted\n\nYes."),
        ("".join(f"> {n}\n" for n in range(20)) + "Yes.\n", "> […]\n> 16\n> 17\n> 18\n> 19\nYes."),
        ("From: here on it is slow.\nYes.", "From: here on it is slow.\nYes."),
        ("> all of it\n", ""),
    ],
)
def test_quotes_between_words_stay_and_what_hangs_below_goes(given: str, shown: str | None) -> None:
    assert said(given) == (shown if shown is not None else f"Hi Ann,\n\nOn Sun, Nov 29, 2026, Ann wrote:\n{INLINE}")


@pytest.mark.parametrize(
    "text", ["On " * 60_000, "On \n" * 60_000, "> \n" * 90_000, "_" * 180_000, "From: a\n" * 25_000, "-- \n" * 60_000]
)
def test_no_text_takes_long(text: str) -> None:
    with cpu.bounded(2):
        said(text)


@pytest.fixture
def server() -> Iterator[int]:
    """LMTP in a thread of its own."""
    port, loop, ready = free_port(), asyncio.new_event_loop(), threading.Event()

    async def run() -> None:
        made = await lmtp.serve("127.0.0.1", port)
        ready.set()
        async with made:
            await over.wait()

    over = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(20)
    yield port
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    loop.close()


@pytest.mark.django_db(transaction=True)
def test_by_lmtp(server: int, case: Document, ben: User, to: str) -> None:
    with smtplib.LMTP("127.0.0.1", server) as client:
        client.sendmail("ben@example.org", [to], mail())
        assert Comment.objects.get().author == ben
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("", [to.replace("answer+", "answer+a")], mail())
        assert b"5.1.1 No such address" in next(iter(refused.value.recipients.values()))[1]
        client.rset()
        client.mail("ben@example.org")
        assert client.rcpt(to)[0] == 250 and client.rcpt(to)[0] == 452
        client.rset()
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("ben@example.org", [to], b"x" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("raw", "forged", "code"),
    [
        (mail(), False, os.EX_OK),
        (mail(), True, os.EX_NOUSER),
        (mail(text="> quote\n"), False, os.EX_DATAERR),
        (b"x" * (MAX_BYTES + 10), False, os.EX_DATAERR),
    ],
)
def test_as_a_pipe(
    raw: bytes, forged: bool, code: int, case: Document, ben: User, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
    with pytest.raises(SystemExit) as ended:
        call_command("receive_mail", to.replace("answer", "answers") if forged else to)
    assert ended.value.code == code and Comment.objects.count() == (code == os.EX_OK)


def test_as_a_pipe_what_breaks_here_is_tried_again(to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(mail())))
    monkeypatch.setattr(tokens, "read_address", lambda given: 1 / 0)
    with pytest.raises(SystemExit) as ended:
        call_command("receive_mail", to)
    assert ended.value.code == os.EX_TEMPFAIL
