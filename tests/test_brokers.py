"""The same promises on every broker, with a real web, worker and beat: the bell goes through it, and may be lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from reports.models import Evidence, Report, State
from reports.totals import check
from tests import brokers, builders
from tests.running import PATIENCE_SECONDS, Nodes, until

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=sorted(brokers.URLS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[brokers.Broker]:
    try:
        made = brokers.at(brokers.URLS[request.param], tmp_path)
    except brokers.NotThere as error:
        pytest.skip(str(error))
    yield made
    made.erase()


@pytest.fixture
def start(broker: brokers.Broker, tmp_path: Path) -> Iterator[Callable[..., Nodes]]:
    made: list[Nodes] = []
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")

    def nodes(**environment: str) -> Nodes:
        url = f"{base}/{connection.settings_dict['NAME']}"
        made.append(Nodes(tmp_path, url, **broker.environment, **environment))
        until(made[-1].is_up, 60, lambda: made[-1].log.read_text()[-2000:])
        return made[-1]

    yield nodes
    for one in made:
        one.stop()


def all_settled() -> bool:
    return not Report.objects.exclude(state=State.SETTLED).exists()


def test_the_bell_goes_through_the_broker_and_no_sweep_is_needed(
    start: Callable[..., Nodes], broker: brokers.Broker
) -> None:
    builders.case()
    token = builders.token()
    nodes = start(UNMIGRATABLE_SWEEP_SECONDS="3600")
    until(broker.is_used, 60, "no worker asked this broker for messages")
    for _ in range(3):
        assert nodes.send(token, builders.envelope())[0] == 202
        until(all_settled, PATIENCE_SECONDS, "the bell was not heard")
    assert Evidence.objects.count() == 3


def test_two_hundred_reports_survive_two_killed_workers_and_a_broker_that_fell_and_forgot(
    start: Callable[..., Nodes], broker: brokers.Broker
) -> None:
    builders.case()
    token = builders.token()
    nodes = start()
    for number in range(200):
        assert nodes.send(token, builders.envelope())[0] == 202
        if number in (60, 130):
            nodes.programs["worker"].kill()
        if number == 100:
            broker.fall(1)
    until(all_settled, PATIENCE_SECONDS, "not all were settled")
    assert nodes.programs["worker"].deaths >= 2
    assert len(set(Evidence.objects.values_list("report", "key"))) == Evidence.objects.count() == 200
    assert check.disagreements() == check.miscounts() == []
