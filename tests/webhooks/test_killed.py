"""Real workers, killed with SIGKILL in the middle: each outcome that changed is received, and by its id once."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from people.models import Event
from reports.models import Report
from tests import brokers, builders
from tests.running import Nodes, until
from tests.webhooks.receiver import Receiver, receiving
from webhooks import keeping
from webhooks.models import Delivery, Hook

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
CASES, BUILDS = 20, 4


def wait_for_reports(number: int) -> None:
    settled = Report.objects.filter(state="settled")
    until(lambda: settled.count() >= number, 300, lambda: f"{settled.count()} of {number} reports are settled")


def test_each_turn_arrives_as_often_as_it_happened_over_two_kills(tmp_path: Path) -> None:
    names = [f"case-{n}" for n in range(CASES)]
    for name in names:
        builders.case(name)
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    url = f"{base}/{connection.settings_dict['NAME']}"
    broker = brokers.at(brokers.URLS["filesystem"], tmp_path / "var")
    given = {"UNMIGRATABLE_WEBHOOKS_TO_LOOPBACK": "yes", "UNMIGRATABLE_LEASE_SECONDS": "4"}
    with receiving(Receiver(seconds=0.05)) as receiver:
        keeping.add(builders.person(), receiver.url, ["outcome.changed"])
        nodes = Nodes(tmp_path / "var", url, only=("worker", "errands", "beat"), **broker.environment, **given)
        try:
            for n in range(BUILDS):
                kernel = {"release": f"6.18.{n}", "architecture": "x86_64"}
                kind = builders.run if n % 2 else builders.moving_run
                for name in names:
                    builders.report(*[kind(case=name)] * 5, kernel=kernel)
                if n in (1, 2):
                    half = CASES * n + CASES // 2
                    wait_for_reports(half)
                    nodes.programs["worker"].kill()
                if n in (2, 3):
                    before = len(receiver.got)
                    until(lambda seen=before: len(receiver.got) > seen + 2, 300, "nothing arrives")  # type: ignore[misc]
                    nodes.programs["errands"].kill()
            wait_for_reports(CASES * BUILDS)
            waiting = Delivery.objects.exclude(state="delivered")
            turns = Event.objects.filter(verb="outcome.changed")
            until(
                lambda: Delivery.objects.count() == turns.count() and not waiting.exists(),
                300,
                lambda: f"{Counter(Delivery.objects.values_list('state', flat=True))} of {turns.count()}",
            )
            time.sleep(1)
        finally:
            deaths = {name: program.deaths for name, program in nodes.programs.items()}
            nodes.stop()
    told = Counter((row.subject, row.data["turned"], row.data["after"]["release"]) for row in turns)
    happened = (("6.18.1", "regressed"), ("6.18.2", "fixed"), ("6.18.3", "regressed"))
    assert told == {(name, turned, release): 1 for name in names for release, turned in happened}
    assert deaths["worker"] >= 2 and deaths["errands"] >= 2, deaths
    by_id = {got.id: got.said["data"]["place"] for got in receiver.got}
    assert Counter(by_id.values()) == {str(place): 1 for place in turns.values_list("place", flat=True)}
    assert len(receiver.got) <= len(by_id) + 2, "each kill may double one message"
    assert Hook.objects.get().disabled_at is None
