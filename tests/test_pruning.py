"""What goes after a while, and what never does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Tally, Word
from catalog.models.text import Origin
from catalog.revisions import store
from config import pruning
from mailing.models import Notice
from people import journal
from people.models import Event, Machine, Standing, User
from reports.diagnose import sharing
from reports.intake import inbox, submission
from reports.intake.refusals import Refusal
from reports.models import Evidence, Payload, Report, Shared, State
from reports.review import trust
from reports.worker import evidence
from tests import builders

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent
LONG_AGO = timezone.now() - timedelta(days=400)


@pytest.fixture(autouse=True)
def usual(settings: Any) -> Iterator[None]:
    settings.KEEP_DAYS = dict(settings.KEEP_DAYS)
    yield


def pruned() -> dict[str, int]:
    removed, came_to_the_end = pruning.run(60)
    assert came_to_the_end
    return {name: number for name, number in removed.items() if number}


def refused(name: str = "new-box", body: bytes = b"{}", trusted: bool = False) -> Report:
    if not Machine.objects.filter(name=name).exists():
        builders.token(name, trusted=trusted)
    with pytest.raises(Refusal):
        inbox.take(submission.native(Machine.objects.get(name=name), body))
    return Report.objects.get(machine__name=name)


def old(report: Report) -> Report:
    Report.objects.filter(pk=report.pk).update(received_at=LONG_AGO)
    return report


def test_refused_reports_of_untrusted_machines_go_and_of_trusted_ones_only_their_bytes() -> None:
    old(refused())
    recent = refused("other-box")
    kept = old(refused("lab", trusted=True))
    assert pruned() == {"refused": 1, "refused-bytes": 1}
    assert set(Report.objects.values_list("pk", flat=True)) == {recent.pk, kept.pk}
    assert set(Payload.objects.values_list("report", flat=True)) == {recent.pk}
    assert pruned() == {}


def test_what_counts_or_was_withdrawn_stays_however_old() -> None:
    builders.case()
    counts, withdrawn = builders.settled(), builders.settled(sender=builders.machine("withdrawn"))
    trust.let_stand(withdrawn.machine, Standing.WITHDRAWN, builders.person())
    for report in (counts, withdrawn):
        old(report)
    waiting = old(builders.report(sender=builders.machine("slow")))
    assert pruned() == {}
    assert Payload.objects.count() == 3 and Evidence.objects.count() == 2 and Tally.objects.count() == 1
    assert Report.objects.filter(pk=waiting.pk, state=State.RECEIVED).exists()


def test_what_a_person_judged_stays_though_it_reads_no_longer() -> None:
    case = builders.case()
    builders.token("box", trusted=False)
    report = old(builders.settled())
    evidence.judge(report, Evidence.objects.get().key, case, builders.person(), stands=False)
    Report.objects.update(state=State.REJECTED, reason={})
    assert pruned() == {} and Report.objects.get() == report


def test_a_machine_that_is_trusted_meanwhile_keeps_what_it_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    old(refused())
    kind = next(kind for kind in pruning.KINDS if kind.name == "refused")
    ids = list(kind.due_now().values_list("pk", flat=True))
    Machine.objects.update(standing=Standing.TRUSTED)
    assert ids and kind.remove(kind.due_now().filter(pk__in=ids)) == 0


def test_shared_texts_expire_and_then_what_became_of_them_goes() -> None:
    alice = builders.person()
    offer = sharing.Offer("a text", "6.18.1", "x86_64", "host")
    waiting, declined, taken = (sharing.share(offer, alice, "person 1") for _ in range(3))
    editor = builders.person(role="editor")
    sharing.turn_down(declined.pk, editor, "no")
    sharing.take_in(taken.pk, editor)
    Shared.objects.update(at=LONG_AGO)
    Shared.objects.exclude(decided_at=None).update(decided_at=LONG_AGO)
    assert pruned() == {"shares-waiting": 1, "shares": 1}
    waiting.refresh_from_db()
    assert waiting.body is None and waiting.sender == ""
    page = Client()
    page.force_login(alice)
    assert "No editor got to it in time" in page.get(waiting.get_absolute_url()).content.decode()
    Shared.objects.filter(pk=waiting.pk).update(decided_at=LONG_AGO)
    assert pruned() == {"shares": 1}
    assert [one.pk for one in Shared.objects.all()] == [taken.pk]  # its report's text is alice's to see


def test_settled_notices_and_expired_sessions_go() -> None:
    jane = builders.person()
    journal.record("person.added", "person", "1", jane)
    journal.record("person.added", "person", "2", jane)
    first, second = Event.objects.order_by("id")[:2]
    old = {"user": jane, "created_at": LONG_AGO}
    Notice.objects.create(event=first, topic="1", state="dropped", settled_at=LONG_AGO, **old)
    Notice.objects.create(event=second, topic="2", **old)  # not sent yet
    Notice.objects.create(event=second, topic="3", state="in_doubt", mail=uuid4(), settled_at=LONG_AGO, **old)
    client = Client()
    client.force_login(jane)
    Session.objects.create(session_key="old", session_data="", expire_date=LONG_AGO)
    assert pruned() == {"notices": 1, "sessions": 1}
    assert set(Notice.objects.values_list("topic", flat=True)) == {"2", "3"} and Session.objects.count() == 1


def signed_up(name: str, joined_at: Any = LONG_AGO, verified: bool = False, **given: Any) -> User:
    made = User.objects.create_user(name, f"{name}@example.org", vouched=False, date_joined=joined_at, **given)
    EmailAddress.objects.create(user=made, email=made.email, verified=verified, primary=True)
    journal.record("person.joined", "person", str(made.pk), made)
    return made


def test_who_never_proved_an_address_gives_name_and_address_back() -> None:
    gone = signed_up("gone")
    signed_up("proved", verified=True)
    signed_up("recent", joined_at=timezone.now())
    builders.person("by-hand")
    User.objects.filter(username="by-hand").update(date_joined=LONG_AGO)
    assert pruned() == {"accounts": 1}
    gone.refresh_from_db()
    assert (gone.username, gone.email, gone.is_active) == (f"left-{gone.pk}", "", False)
    assert set(User.objects.filter(is_active=True).values_list("username", flat=True)) == {
        "proved",
        "recent",
        "by-hand",
    }
    assert not EmailAddress.objects.filter(email="gone@example.org").exists()
    assert pruned() == {}


def test_words_that_no_text_has_any_more_go() -> None:
    store.save(builders.case_text(body="The frobnicator holds it."), origin=Origin.FILE)
    store.save(builders.case_text(body="The device holds it."), origin=Origin.FILE)
    assert Word.objects.filter(text="frobnicator").exists()
    assert pruned()["words"] >= 1
    left = set(Word.objects.values_list("text", flat=True))
    assert "frobnicator" not in left and {"device", "holds", "fuse-writeback"} <= left


def test_0_days_keep_it_for_ever(settings: Any) -> None:
    old(refused())
    settings.KEEP_DAYS["refused"] = settings.KEEP_DAYS["refused-bytes"] = 0
    assert pruned() == {}


def test_a_run_works_in_slices_and_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SLICE", 10)
    Session.objects.bulk_create(
        Session(session_key=f"old-{n}", session_data="", expire_date=LONG_AGO) for n in range(35)
    )
    removed, came_to_the_end = pruning.run(-1)  # no time: one slice, so that each run gets on
    assert (removed["sessions"], came_to_the_end, Session.objects.count()) == (10, False, 25)
    with CaptureQueriesContext(connection) as asked:
        assert pruned() == {"sessions": 25}
    assert sum(query["sql"].startswith('DELETE FROM "django_session"') for query in asked) == 3


def test_the_command_says_what_is_due_and_removes_nothing_in_a_dry_run() -> None:
    old(refused())
    out = StringIO()
    call_command("prune", "--dry-run", stdout=out)
    assert "refused: 1, after 30 days" in out.getvalue() and Report.objects.exists()
    call_command("prune", stdout=StringIO())
    assert not Report.objects.exists()


def test_every_kind_has_a_setting_and_is_documented_with_its_days() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    told = {name: int(days) for name, days in re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", text, re.M)}
    assert told == configured.KEEP_DAYS and [kind.name for kind in pruning.KINDS] == list(told)
    assert {"new-bytes", "new-rejected", "new-send", "new-batch"} <= set(re.findall(r"`(new-[a-z]+)`", text))
