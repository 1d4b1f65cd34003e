"""What pages read of a case: the tallies of all machines and outcomes, added up as they change."""

from __future__ import annotations

import importlib
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from catalog.models import Tally, Total
from diagnosis.words.vocabulary import OUTCOMES
from people.models import Machine, Role, Standing
from reports.models import Evidence, Report, State
from reports.review import takedown, trust
from reports.totals import check, recounts, sums, totals
from reports.worker import evidence, ingest, replay
from tests import builders
from tests.at_once import alone, at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db


def unsure_run() -> dict[str, Any]:
    return builders.run(outcome="inconclusive", control={"nr_pages": 16, "nr_moved": 3})


def refusing_run() -> dict[str, Any]:
    return builders.run(outcome="refuses", attempt={"returned": True, "seconds": 0.1}, freed_seconds=3.0)


def columns() -> list[dict[str, Any]]:
    """Every total whole, but for its id."""
    rows = Total.objects.order_by("case", "mover", "area").values()
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def test_a_total_is_of_all_machines_and_outcomes() -> None:
    builders.case()
    box, other = builders.machine("box"), builders.machine("other")
    builders.settled(builders.run(), builders.moving_run(), unsure_run(), sender=box)
    builders.settled(refusing_run(), sender=other)
    total = Total.objects.get()
    assert total.outcomes == {"moves": 1, "refuses": 1, "hangs": 1, "inconclusive": 1}
    assert (total.held, total.conclusive, total.nr_machines, total.nr_conclusive_machines) == (2, 3, 2, 2)
    assert sum(total.histogram) == 2, "of the runs that held"
    assert total.news_at == max(Tally.objects.values_list("since", flat=True))
    assert total.last_seen_at == Report.objects.latest("received_at").received_at


def test_a_machine_counts_once_and_is_conclusive_from_its_first_conclusive_run() -> None:
    builders.case()
    for run, expected in ((unsure_run(), (1, 0)), (builders.moving_run(), (1, 1)), (builders.run(), (1, 1))):
        builders.settled(run)
        assert (Total.objects.get().nr_machines, Total.objects.get().nr_conclusive_machines) == expected


@pytest.mark.django_db(transaction=True)
def test_what_only_confirms_is_no_news() -> None:
    builders.case()
    builders.settled()
    before = Total.objects.get()
    builders.settled(sender=builders.machine("other"))
    assert Total.objects.get().news_at == before.news_at
    builders.settled(builders.moving_run())
    assert Total.objects.get().news_at > before.news_at


def test_outcomes_keep_their_places() -> None:
    """Totals have them by place: a new one goes to the end."""
    known = ("moves", "leaves_first", "never_there", "refuses", "hangs", "inconclusive", "skipped", "error")
    assert tuple(OUTCOMES)[:10] == (*known, "passed", "failed")


@pytest.mark.whole
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_done_leaves_totals_as_adding_up_anew_would(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums as they change, beside the same from nothing: times and machines too."""
    chance = random.Random(seed)
    monkeypatch.setattr(recounts, "SLICE", (1, 2, 5, 1_000)[seed])
    for slug in ("fuse-writeback", "vmsplice-pipe"):
        builders.case(slug)
    chief = builders.person("chief", Role.MAINTAINER)
    machines = [builders.machine(f"box-{n}") for n in range(3)]
    makers = (builders.run, builders.moving_run, lambda case: {**unsure_run(), "case": case})

    def settle() -> None:
        runs = [chance.choice(makers)(chance.choice(["fuse-writeback", "vmsplice-pipe"])) for _ in range(3)]
        builders.settled(*runs, sender=chance.choice(machines))

    def judge() -> None:
        if row := Evidence.objects.order_by("?").first():
            evidence.judge(row.report, row.key, row.case, chief, stands=chance.random() < 0.5)

    def read_again() -> None:
        replay.again(Report.objects.filter(state=State.SETTLED))
        ingest.drain()

    def waver() -> None:
        machine = Machine.objects.get(pk=chance.choice(machines).pk)
        trust.let_stand(machine, chance.choice([Standing.TRUSTED, Standing.WITHDRAWN]), chief)

    def erase() -> None:
        if report := Report.objects.filter(state=State.SETTLED).order_by("?").first():
            takedown.erase(report, chief, "It was asked for.")

    acts: list[Callable[[], object]] = [settle, settle, settle, judge, judge, read_again, waver, waver, erase]
    acts.append(recounts.one_slice)
    for _ in range(30):
        chance.choice(acts)()
        assert check.disagreements() == check.miscounts() == []
        before = columns()
        totals.add_up([sums.group_of(total) for total in Total.objects.all()])
        assert columns() == before


@pytest.mark.django_db(transaction=True)
def test_machines_that_settle_at_once_are_each_counted_once() -> None:
    """Three machines with three outcomes, two workers, rulings and trust that come and go meanwhile."""
    builders.case()
    chief = builders.person("chief", Role.MAINTAINER)
    machines = [builders.machine(f"box-{n}") for n in range(3)]
    runs = (builders.run, builders.moving_run, unsure_run)
    for n in range(240):
        builders.report(runs[n // 3 % 3](), sender=machines[n % 3])

    def waver() -> None:
        for standing in [Standing.WITHDRAWN, Standing.TRUSTED] * 6:
            trust.let_stand(machines[0], standing, chief)

    def judge() -> None:
        for n in range(20):
            if row := Evidence.objects.filter(machine=machines[1]).order_by("?").first():
                evidence.judge(row.report, row.key, row.case, chief, stands=bool(n % 2))

    at_once(ingest.drain, waver, judge, ingest.drain)
    ingest.drain()
    assert check.disagreements() == check.miscounts() == []
    assert Total.objects.get().nr_machines == 3


@pytest.mark.django_db(transaction=True)
def test_a_total_that_is_added_up_anew_waits_for_who_is_adding_to_it() -> None:
    """Otherwise the sum would lack what was added, and be written over it."""
    builders.case()
    refuted = builders.settled().evidence.get()
    chief = builders.person("chief", Role.MAINTAINER)

    def judge() -> None:
        evidence.judge(refuted.report, refuted.key, refuted.case, chief, stands=False)
        connection.close()

    judging = threading.Thread(target=judge)
    with transaction.atomic():
        builders.settled(sender=builders.machine("other"))
        judging.start()
        wait_until_somebody_waits()
    judging.join(30)
    assert check.disagreements() == check.miscounts() == []
    assert (Total.objects.get().held, Total.objects.get().nr_machines) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_who_locks_totals_that_do_not_exist_yet_and_who_makes_them_do_not_deadlock() -> None:
    builders.case("aaa-case"), builders.case("zzz-case")
    chief, old, new = builders.person("chief", Role.MAINTAINER), builders.machine("old"), builders.machine("new")
    Machine.objects.filter(pk=new.pk).update(standing=Standing.NEW)
    builders.settled(builders.run("aaa-case"), builders.run("zzz-case"), sender=new)  # counts nowhere yet
    builders.settled(builders.run("zzz-case"), sender=old)
    assert Total.objects.count() == 1
    groups = [sums.key_of(row)[:7] for row in Evidence.objects.filter(machine=new)]
    builders.report(builders.run("aaa-case"), builders.run("zzz-case"), sender=old)
    settling = threading.Thread(target=alone, args=(ingest.drain,))
    with transaction.atomic():
        totals.lock(groups)
        settling.start()
        wait_until_somebody_waits()
        trust.let_stand(new, Standing.TRUSTED, chief)
    settling.join(30)
    assert not settling.is_alive() and not Report.objects.exclude(state=State.SETTLED).exists()
    assert check.disagreements() == check.miscounts() == []
    assert list(Total.objects.order_by("case__slug").values_list("nr_machines", "held")) == [(2, 2), (2, 3)]


@pytest.mark.django_db(transaction=True)
def test_a_total_that_is_there_already_is_locked_as_well() -> None:
    builders.case()
    builders.settled()
    groups = [sums.key_of(row)[:7] for row in Evidence.objects.all()]
    builders.report(builders.run())
    settling = threading.Thread(target=alone, args=(ingest.drain,))
    with transaction.atomic():
        assert totals.lock(groups) == set(), "none was made for it"
        settling.start()
        wait_until_somebody_waits()
    settling.join(30)
    assert not settling.is_alive() and Total.objects.get().held == 2


def test_a_total_that_was_made_to_be_locked_is_gone_with_the_act() -> None:
    builders.case()
    row = builders.settled().evidence.get()
    chief = builders.person("chief", Role.MAINTAINER)
    Total.objects.all().delete()
    assert len(check.miscounts()) == 1 and not Total.objects.exists()
    evidence.judge(row.report, row.key, row.case, chief, stands=False)
    assert not Total.objects.exists() and not Tally.objects.exists()


def test_what_was_counted_before_there_were_totals_is_added_up() -> None:
    builders.case()
    builders.settled(builders.run(), builders.moving_run(), unsure_run())
    builders.settled(refusing_run(), sender=builders.machine("other"))
    before = columns()
    Total.objects.all().delete()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(importlib.import_module("catalog.migrations.0011_totals_known").FORWARD)
    assert columns() == before and Tally.objects.count() == 4
