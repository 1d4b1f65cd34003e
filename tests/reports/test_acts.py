"""Acts on very many reports: written down at once, worked off in slices, and right after each of them."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Tally, Total
from people.models import Event, Machine, Role, Standing, User
from reports import tasks
from reports.models import Evidence, Observation, Report, Requeue, State
from reports.review import takedown, triage, trust, workbench
from reports.totals import check, recounts
from reports.worker import evidence, ingest, replay, requeue
from reports.worker.requeue import Chosen
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> User:
    return builders.person("chief", Role.MAINTAINER)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requeue, "SLICE", 3)
    monkeypatch.setattr(recounts, "SLICE", 3)


def waiting() -> int:
    return Report.objects.filter(state=State.RECEIVED).count()


def all_agree() -> bool:
    return check.disagreements() == check.miscounts() == []


def finish() -> int:
    """How many slices were left."""
    number = 0
    while recounts.one_slice():
        number += 1
    return number


def test_an_act_queues_one_slice_and_leaves_the_others_to_the_worker(chief: User) -> None:
    for _ in range(8):
        builders.settled()
    assert requeue.ask(Chosen(pick="state=settled"), chief, "all") == 8
    assert waiting() == 3 and workbench.being_read_again() == 8
    assert not Event.objects.filter(verb="reports.replayed").exists()
    assert requeue.one_slice() and waiting() == 6
    assert requeue.one_slice() and waiting() == 8 == workbench.being_read_again()
    assert not requeue.one_slice() and not Requeue.objects.exists()
    told = Event.objects.get(verb="reports.replayed")
    assert (told.actor, told.data) == (chief, {"nr_reports": 8})


def test_few_are_done_with_the_act(chief: User) -> None:
    builders.settled()
    assert requeue.ask(Chosen(every=True), chief) == 1
    assert waiting() == 1 and not Requeue.objects.exists()
    assert requeue.ask(Chosen(), chief) == 0 and not Requeue.objects.exists()


def test_what_comes_in_or_fails_again_meanwhile_is_not_run_after(chief: User) -> None:
    for _ in range(4):
        builders.settled()
    requeue.ask(Chosen(pick="state=settled"), chief)
    ingest.drain()
    later = builders.settled()
    tasks.work_off_acts()
    ingest.drain()
    assert Report.objects.get(pk=later.pk).attempts == 1 and not Requeue.objects.exists()
    assert waiting() == 0 and Report.objects.filter(turn=2).count() == 4


def test_a_worker_that_dies_in_a_slice_loses_it_and_the_next_one_goes_on(chief: User) -> None:
    for _ in range(7):
        builders.settled()
    requeue.ask(Chosen(every=True), chief)
    with transaction.atomic():
        requeue.one_slice()
        transaction.set_rollback(True)
    assert waiting() == 3
    tasks.work_off_acts()
    assert waiting() == 7 and Event.objects.get(verb="reports.replayed").data == {"nr_reports": 7}


def test_a_ruling_on_what_very_many_look_like_queues_a_slice(chief: User) -> None:
    case = builders.case()
    for _ in range(7):
        builders.settled(builders.run("unheard-of"))
    fingerprint = Observation.objects.values_list("fingerprint", flat=True).first()
    assert fingerprint
    triage.rule(fingerprint, chief, case)
    assert waiting() == 3
    tasks.work_off_acts()
    ingest.drain()
    assert Evidence.objects.count() == 7
    triage.unrule(fingerprint, chief)
    tasks.work_off_acts()
    ingest.drain()
    assert Evidence.objects.count() == 0 and all_agree()


def test_the_page_says_what_is_left_of_an_act_of_a_maintainer(chief: User) -> None:
    client = Client()
    client.force_login(chief)
    for _ in range(5):
        builders.settled()
    page = client.post("/reports/again", {"state": "settled"}, follow=True).content.decode()
    assert "5 reports will be read again." in page and waiting() == 3
    assert "2 more reports will be queued" in page
    tasks.work_off_acts()
    assert "will be queued" not in client.get("/reports/").content.decode()


def many_tallies(sender: Machine, number: int) -> None:
    builders.settled(*[builders.run(f"case-{n}") for n in range(number)], sender=sender)


@pytest.fixture
def cases() -> None:
    for number in range(8):
        builders.case(f"case-{number}")


@pytest.mark.usefixtures("cases")
def test_a_withdrawn_machine_is_taken_out_in_slices_and_totals_hold_after_each(chief: User) -> None:
    box, other = builders.machine("box"), builders.machine("other")
    many_tallies(box, 8)
    many_tallies(other, 8)
    trust.let_stand(box, Standing.WITHDRAWN, chief)
    left = []
    while True:
        left.append(Tally.objects.filter(machine=box).count())
        assert all_agree()
        if not recounts.one_slice():
            break
    assert left == [5, 2, 0]
    assert sum(Total.objects.values_list("held", flat=True)) == 8
    assert Machine.objects.get(name="box").uncounted_until is None


@pytest.mark.usefixtures("cases")
def test_a_machine_that_is_trusted_is_counted_in_slices_and_what_it_sends_meanwhile_once(chief: User) -> None:
    box = builders.machine("box")
    Machine.objects.update(standing=Standing.NEW)
    first = builders.settled(*[builders.run(f"case-{n}") for n in range(8)], sender=box)
    trust.let_stand(box, Standing.TRUSTED, chief)
    assert Tally.objects.count() == 3 and all_agree()
    builders.settled(builders.run("case-7"), sender=box)
    assert all_agree()
    replay.again(Report.objects.filter(pk=first.pk))
    ingest.drain()
    assert all_agree(), "what was not counted yet is not taken away"
    finish()
    assert all_agree() and sum(Tally.objects.values_list("runs", flat=True)) == 9


@pytest.mark.usefixtures("cases")
def test_standing_that_changes_again_before_all_is_counted_ends_where_it_should(chief: User) -> None:
    box = builders.machine("box")
    many_tallies(box, 8)
    for standing in (Standing.WITHDRAWN, Standing.TRUSTED, Standing.WITHDRAWN, Standing.TRUSTED):
        trust.let_stand(box, standing, chief)
        assert all_agree()
        recounts.one_slice()
        builders.settled(builders.run("case-1"), sender=box)
        assert all_agree()
    row = Evidence.objects.order_by("id").first()
    assert row is not None
    evidence.judge(row.report, row.key, row.case, chief, stands=False)
    finish()
    assert all_agree() and sum(Tally.objects.values_list("runs", flat=True)) == 11
    takedown.erase(Report.objects.earliest("received_at"), chief, "It was asked for.")
    assert all_agree()


@pytest.mark.usefixtures("cases")
def test_the_machines_page_says_how_far_its_counting_is(chief: User) -> None:
    box = builders.machine("box")
    many_tallies(box, 8)
    trust.let_stand(box, Standing.WITHDRAWN, chief)
    assert "being counted again: 5 to go" in Client().get("/machines/box/").content.decode()
    finish()
    assert "being counted again" not in Client().get("/machines/box/").content.decode()


@pytest.mark.usefixtures("cases")
def test_an_act_asks_the_database_as_often_for_many_as_for_few(chief: User) -> None:
    from django.db import connection

    asked = []
    for name, number in (("few", 4), ("many", 8)):
        box = builders.machine(name)
        many_tallies(box, number)
        with CaptureQueriesContext(connection) as queries:
            trust.let_stand(box, Standing.WITHDRAWN, chief)
        asked.append(len(queries))
        finish()
    assert asked[0] == asked[1]


@pytest.mark.django_db(transaction=True)
def test_slices_while_reports_settle_and_standing_wavers_count_each_once(chief: User) -> None:
    builders.case()
    box = builders.machine("box")
    for _ in range(200):
        builders.report(sender=box)

    def waver() -> None:
        for standing in [Standing.WITHDRAWN, Standing.TRUSTED] * 5:
            trust.let_stand(box, standing, chief)

    def count() -> None:
        for _ in range(100):
            recounts.one_slice()

    def read_again() -> None:
        for _ in range(5):
            requeue.ask(Chosen(pick="state=settled"), chief)
            requeue.one_slice()

    at_once(ingest.drain, waver, count, read_again, count, ingest.drain)
    while requeue.one_slice() or recounts.one_slice():
        pass
    ingest.drain()
    assert all_agree() and sum(Tally.objects.values_list("runs", flat=True)) == 200
