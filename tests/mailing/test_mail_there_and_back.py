"""Against a mail server: threads that a mail library puts together, headers, and one POST that ends it."""

from __future__ import annotations

import gc
import select
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from catalog.meetings import chair
from catalog.models import Document
from discussion.comments import threads
from discussion.comments.told import Comments
from mailing import tasks
from mailing.follows import following
from mailing.letters.making import Letter
from mailing.models import Cadence, Follow, Notice, Trouble
from mailing.outbox import fan_out, sending
from mailing.outbox.handing_over import Fate, Line
from people import journal
from people.models import Role
from tests import builders
from tests.at_once import at_once
from tests.mailing.sink import Sink, sinking
from tests.mailing.test_telling import follow, reader
from tests.running import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with sinking(Sink()) as made:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", made.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.MAIL_IN = "in.unmigratable.example"
        yield made


@pytest.fixture
def case() -> Document:
    return builders.case(title="A folio under writeback for as long as the server likes").document


def test_mails_of_one_case_are_one_thread_and_say_how_to_end_it(case: Document, sink: Sink) -> None:
    for name in ("ben", "eve"):
        follow(reader(name), case)
    ann = builders.person("ann")
    first = threads.say(case, ann, "It *waits* for the server, and " + "nobody bounds the time " * 8)
    threads.say(case, builders.person("carl"), "```c\n" + "x" * 100 + "\n```\nÄnderung: no.", first)
    tasks.tell()
    assert sorted(one.to for one in sink.got) == ["ben@example.org"] * 2 + ["eve@example.org"] * 2
    asked, answered = (one.parsed for one in sink.to("ben@example.org"))
    assert (
        asked["Message-ID"] != answered["Message-ID"]
        and asked["Message-ID"] == sink.to("eve@example.org")[0].parsed["Message-ID"]
    )
    assert answered["In-Reply-To"] == asked["Message-ID"]
    assert str(answered["References"]).split() == [asked["References"], asked["Message-ID"]]
    assert answered["Subject"] == "Re: [unmigratable] fuse-writeback: answered ann"
    assert str(asked["From"]) == "ann via unmigratable <noreply@127.0.0.1>"
    assert asked["List-Id"] == "<fuse-writeback.case.127.0.0.1>" and asked["Auto-Submitted"] == "auto-generated"
    assert asked["Feedback-ID"] == "case:at-once:notice:unmigratable"
    head = sink.got[0].raw.partition(b"\r\n\r\n")[0]
    assert b"\nList-Unsubscribe: <http://127.0.0.1:8000/unsubscribe/" in head and b"=?" not in head, "as it stands"
    assert asked["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = sink.to("ben@example.org")[1].text
    assert "ann wrote:\n> It *waits* for the server," in text and "Änderung: no." in text
    for line in sink.to("ben@example.org")[0].text.splitlines():
        assert len(line) <= 72 or "http" in line, line
    assert str(asked["Reply-To"]).startswith("unmigratable <answer+") and sink.got[0].sender.startswith("bounce+")
    address = str(asked["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")
    assert Client().get(address).status_code == 200
    assert set(Follow.objects.values_list("cadence", flat=True)) == {Cadence.AT_ONCE}, "looking changes nothing"
    assert Client(enforce_csrf_checks=True).post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert set(Follow.objects.values_list("user__username", "cadence")) == {("ben", "off"), ("eve", "at_once")}


def test_a_name_with_line_ends_makes_no_header(case: Document, sink: Sink) -> None:
    evil = builders.person("evil")
    evil.kernel_name = 'Bcc\r\nBcc: all@example.org, "x" <y@z>'
    evil.save()
    follow(reader("ben"), case)
    threads.say(case, evil, "Said.")
    tasks.tell()
    message = sink.got[0].parsed
    assert message["Bcc"] is None and [one.addr_spec for one in message["From"].addresses] == ["noreply@127.0.0.1"]
    assert [one.addr_spec for one in message["To"].addresses] == ["ben@example.org"]


def test_without_a_domain_that_takes_mail_nothing_asks_for_answers(case: Document, sink: Sink, settings: Any) -> None:
    settings.MAIL_IN = ""
    follow(reader("ben"), case)
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    assert sink.got[0].parsed["Reply-To"] is None and sink.got[0].sender == "noreply@127.0.0.1"
    assert "Answer this mail" not in sink.got[0].text


@pytest.mark.parametrize(
    ("answer", "state", "nr_bounces"),
    [
        ("550 5.1.1 no such person", "given_up", 1),
        ("451 4.7.1 greylisted", "waiting", 0),
        ("552 5.2.2 mailbox full", "given_up", 1),
    ],
)
def test_an_address_that_is_refused(case: Document, sink: Sink, answer: str, state: str, nr_bounces: int) -> None:
    ben = reader("ben")
    follow(ben, case)
    follow(reader("eve"), case)
    sink.rcpt = lambda to: answer if to.startswith("ben") else ""
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    row = Notice.objects.get(user=ben)
    assert (row.state, row.tries) == (state, 1) and answer in row.why
    assert sum(Trouble.objects.values_list("nr_bounces", flat=True)) == nr_bounces
    assert [one.to for one in sink.got] == ["eve@example.org"], "nobody else waits for it"


def test_who_is_cut_off_after_the_text_is_in_doubt_and_nothing_is_sent_again(case: Document, sink: Sink) -> None:
    ben = reader("ben")
    follow(ben, case)
    sink.data = lambda to: "cut"
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    row = Notice.objects.get(user=ben)
    assert row.state == "in_doubt" and row.settled_at
    sink.data = lambda to: ""
    tasks.tell()
    assert sink.got == []
    assert sending.send_again(row) == 1
    tasks.tell()
    assert len(sink.got) == 1 and Notice.objects.get().state == "sent"


def test_a_server_that_is_away_costs_nothing_but_time(case: Document, sink: Sink, settings: Any) -> None:
    follow(reader("ben"), case)
    settings.EMAIL_PORT = 1
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    tasks.tell()
    row = Notice.objects.get()
    assert (row.state, row.tries) == ("waiting", 1) and row.due_at > timezone.now() + timedelta(minutes=4)
    settings.EMAIL_PORT = sink.port
    Notice.objects.update(due_at=timezone.now())
    tasks.tell()
    assert Notice.objects.get().state == "sent" and len(sink.got) == 1


def test_a_server_that_hangs_up_after_each_mail_is_called_again(case: Document, sink: Sink) -> None:
    for n in range(3):
        follow(reader(f"p{n}"), case)
    sink.hangs_up = True
    threads.say(case, builders.person(), "Said.")
    fan_out.note_all()
    for _ in range(3):
        sending.send_all()
    with Line() as line:
        for n in range(2):
            assert line.hand_over(_letter(f"q{n}@example.org")).fate is Fate.TAKEN
            until(lambda: _is_closed(line), 10, "it does not hang up")
    assert len(sink.got) == 5 and set(Notice.objects.values_list("state", flat=True)) == {"sent"}


def _letter(to: str) -> Letter:
    message = EmailMessage()
    message["To"], message["Subject"] = to, "x"
    message.set_content("x")
    return Letter("me@example.org", to, message)


def _is_closed(line: Line) -> bool:
    return bool(select.select([line._backend.connection.sock], [], [], 0.1)[0])


def test_one_that_cannot_be_told_of_or_written_to_holds_up_nobody(
    case: Document, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ben", "eve"):
        follow(reader(name), case)
    EmailAddress.objects.filter(user__username="ben").update(email="bän@example.org")
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    assert [one.to for one in sink.got] == ["eve@example.org"]
    assert Notice.objects.get(user__username="ben").state == "given_up"
    monkeypatch.setattr(Comments, "told", lambda self, event, reader: {}["broken"])
    threads.say(case, builders.person(), "Broken.")
    journal.record("case.published", "case", case.slug)
    tasks.tell()
    assert [one.to for one in sink.got[1:]] == ["eve@example.org"] and "Published the case." in sink.got[1].text
    monkeypatch.setattr(Comments, "matter", lambda self, event: {}["broken"])
    threads.say(case, builders.person(), "Broken.")
    journal.record("case.published", "case", case.slug)
    tasks.tell()
    assert len(sink.got) == 3


def test_a_server_that_does_not_want_the_sender_costs_no_mail(case: Document, sink: Sink, settings: Any) -> None:
    follow(reader("ben"), case)
    settings.MAIL_IN = "in.example.org"
    sink.mail = lambda sender: "550 5.7.1 not from there"
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    assert Notice.objects.get().state == "waiting" and not Trouble.objects.exists()


def test_after_three_that_came_back_mail_is_paused_until_its_reader_says_so(case: Document, sink: Sink) -> None:
    ben = reader("ben")
    follow(ben, case)
    sink.rcpt = lambda to: "550 5.1.1 no such person"
    for n in range(4):
        threads.say(case, builders.person(), f"Said {n}.")
    tasks.tell()
    assert Trouble.objects.get().nr_bounces == 3 and Trouble.objects.get().paused_at
    assert list(Notice.objects.order_by("pk").values_list("state", flat=True)) == ["given_up"] * 3 + ["dropped"]
    client = Client()
    client.force_login(ben)
    for path in ("/account/", "/account/following/"):
        assert "is paused" in client.get(path).content.decode()
    client.post("/account/following/resume/")
    sink.rcpt = lambda to: ""
    threads.say(case, builders.person(), "Later.")
    tasks.tell()
    assert [one.to for one in sink.got] == ["ben@example.org"]


def test_what_is_more_than_a_person_reads_in_an_hour_becomes_one_digest(case: Document, sink: Sink) -> None:
    follow(reader("ben"), case)
    for n in range(sending.MOST_AN_HOUR + 5):
        threads.say(case, builders.person(), f"Said {n}.")
    tasks.tell()
    assert len(sink.got) == sending.MOST_AN_HOUR
    Notice.objects.filter(state="waiting").update(due_at=timezone.now())
    tasks.tell()
    assert len(sink.got) == sending.MOST_AN_HOUR, "the hour is not over"
    Notice.objects.filter(tried_at__isnull=False).update(tried_at=timezone.now() - timedelta(hours=2))
    Notice.objects.filter(state="waiting").update(due_at=timezone.now())
    tasks.tell()
    assert len(sink.got) == sending.MOST_AN_HOUR + 1 and sink.got[-1].text.count("commented") == 5
    assert not Notice.objects.exclude(state="sent").exists()


def test_a_digest_is_by_case_and_begins_with_what_changed(case: Document, sink: Sink) -> None:
    other = builders.case("io-uring", title="Pages that a ring holds").document
    ben = reader("ben")
    for document in (case, other):
        follow(ben, document, Cadence.DAILY)
    threads.say(other, builders.person("ann"), "Of the other.")
    threads.say(case, builders.person("carl"), "Of the case.")
    journal.record("case.published", "case", case.slug, builders.person("ed"))
    tasks.tell()
    assert sink.got == []
    assert all(row.due_at.hour == 6 and row.due_at > timezone.now() for row in Notice.objects.all())
    Notice.objects.update(due_at=timezone.now())
    tasks.tell()
    assert len(sink.got) == 1 and set(Notice.objects.values_list("state", flat=True)) == {"sent"}
    text = sink.got[0].text
    places = [
        text.index(one)
        for one in ("fuse-writeback\n", "published the case", "Of the case.", "io-uring\n", "Of the other.")
    ]
    assert places == sorted(places)
    assert sink.got[0].parsed["Subject"] == "[unmigratable] daily: fuse-writeback, io-uring"
    assert all(len(line) <= 72 or "http" in line for line in text.splitlines())
    stop = str(sink.got[0].parsed["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")
    Client().post(stop, {"List-Unsubscribe": "One-Click"})
    assert set(Follow.objects.values_list("cadence", flat=True)) == {"off"}


def test_who_turned_a_case_off_gets_nothing_of_it_by_its_subsystem(case: Document, sink: Sink) -> None:
    from mailing.follows import subjects

    for name, cadence in (("ben", ""), ("eve", Cadence.OFF)):
        person = reader(name)
        shown = subjects.found("subsystem", "fuse", person)
        assert shown is not None
        following.set_cadence(person, shown.subject, Cadence.AT_ONCE)
        if cadence:
            follow(person, case, cadence)
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    assert [one.to for one in sink.got] == ["ben@example.org"]
    assert sink.got[0].parsed["List-Id"] == "<fuse.subsystem.127.0.0.1>"


def test_followers_are_told_slice_by_slice_each_once(case: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "FOLLOWS_AT_ONCE", 3)
    strategy = builders.strategy().document
    people = [reader(f"p{n}") for n in range(8)]
    for person in people:
        follow(person, case)
        follow(person, strategy)
    threads.say(strategy, builders.person(), "Of both: @p3 and @p7 look.")
    fan_out.note_all()
    assert sorted(Notice.objects.values_list("user__username", flat=True)) == [f"p{n}" for n in range(8)]
    assert Notice.objects.filter(was_named=True).count() == 2


def test_a_digest_tells_what_turned_and_what_was_decided(case: Document, sink: Sink) -> None:
    """As its reader gets it: printed by `pytest -s`."""
    ben = reader("ben")
    follow(ben, case, Cadence.DAILY)
    for release, one in (("6.18.44", builders.moving_run()), ("6.18.45", builders.run())):
        builders.settled(*[one] * 6, kernel={"release": release, "architecture": "x86_64"}, environment="guest")
    ed = builders.person("ed", Role.EDITOR)
    meeting = chair.begin("In the room", date(2026, 5, 5), ed)
    notes = chair.Notes("Bound the wait by the server's timeout; no knob.", "Send v3 with the test.", "Ann Example")
    chair.note(meeting.points.get(), ed, notes, 0)
    asked = threads.say(case, builders.person("ann"), "Is 6.18.45 the first that waits, or the first that was tried?")
    threads.say(case, builders.person("carl"), "The first that waits: 6.18.44 moved 6 of 6.", asked)
    tasks.tell()
    Notice.objects.update(due_at=timezone.now())
    tasks.tell()
    got = sink.got[-1]
    print(f"\nSubject: {got.parsed['Subject']}\n\n{got.text}")
    words = ("regressed on 6.18.45", "before: 6 moves on 6.18.44", "Bound the wait by the server's", "ann: commented")
    assert [word for word in words if word not in got.text] == []
    assert got.text.count("http://127.0.0.1:8000/cases/fuse-writeback/\n") == 1, "one heading for one case"


def test_a_release_stands_in_a_mail_as_its_kernel_writes_it(case: Document, sink: Sink) -> None:
    follow(reader("ben"), case)
    for release, one in (("6.18.44-WSL2", builders.moving_run()), ("6.18.45-WSL2", builders.run())):
        builders.settled(*[one] * 6, kernel={"release": release, "architecture": "x86_64"})
    tasks.tell()
    first, turned = sink.got
    assert "First evidence on 6.18 (6.18.44-WSL2)." in first.text
    assert "Regressed on 6.18.45-WSL2." in turned.text


def test_what_is_sent_is_not_kept_in_memory(case: Document, sink: Sink) -> None:
    for n in range(8):
        follow(reader(f"p{n}"), case)
    # A test before this one, in the same process, may have left letters in a cycle.
    older = [one for one in gc.get_objects() if type(one) is Letter]
    nr_letters: list[int] = []

    def counted(to: str) -> str:
        nr_letters.append(sum(type(one) is Letter for one in gc.get_objects()) - len(older))
        return ""

    sink.data = counted
    threads.say(case, builders.person(), "Said.")
    tasks.tell()
    assert len(nr_letters) == 8 and max(nr_letters) <= 2, "the one that is handed over, and the one before"


def test_one_process_sends_and_what_a_dead_one_left_is_in_doubt(case: Document, sink: Sink) -> None:
    follow(reader("ben"), case)
    threads.say(case, builders.person(), "Said.")
    fan_out.note_all()
    locked, over = threading.Event(), threading.Event()

    def another() -> None:
        with sending._alone() as is_mine:
            assert is_mine
            locked.set()
            assert over.wait(20)

    def here() -> None:
        assert locked.wait(20)
        Notice.objects.update(state="sending", mail=uuid4())
        assert sending.send_all() is True
        states.append(Notice.objects.get().state)
        over.set()

    states: list[str] = []
    at_once(another, here)
    assert states == ["sending"] and sink.got == [], "it may be the other one's"
    assert sending.send_all() is True
    assert Notice.objects.get().state == "in_doubt" and sink.got == []


def test_who_hands_over_knows_better_than_who_took_over_meanwhile(case: Document, sink: Sink) -> None:
    follow(reader("ben"), case)
    threads.say(case, builders.person(), "Said.")
    fan_out.note_all()
    ready = sending._next()
    assert ready is not None and sending.note_doubts() == 1
    with Line() as line:
        sending._settle(ready, line.hand_over(ready.letter))
    assert Notice.objects.get().state == "sent" and len(sink.got) == 1
