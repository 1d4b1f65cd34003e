"""`/metrics`, for Prometheus: what the database knows, so that every node says the same, and how long this node's
requests took. Alert rules and a board that go by these names are in `deploy/`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from config.middleware import latencies
from mailing.models import Notice
from mailing.models import Reader as MailReader
from people.models import Event, Letter
from reports.pages import ledger
from webhooks.models import Delivery
from webhooks.models import Reader as HookReader

# How long it took from the door to evidence, of what was settled within the last minute.
_SETTLING = """
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM settled_at - received_at))
FROM reports_report WHERE settled_at > now() - interval '1 minute'
"""
_QUANTILES = ("0.5", "0.99")


class Site:
    """What no single app knows: what waits to be sent, how far followers of the journal are, how much room is left."""

    def collect(self) -> Iterator[Metric]:
        yield from self._waiting()
        yield GaugeMetricFamily(
            "unmigratable_journal_lag_seconds", "How old the oldest event is that a follower has not read.", _lag()
        )
        settling = GaugeMetricFamily(
            "unmigratable_settling_seconds", "From received to settled, in the last minute.", labels=["quantile"]
        )
        for quantile, seconds in zip(_QUANTILES, _settling(), strict=False):
            settling.add_metric([quantile], seconds)
        yield settling
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            (size,) = cursor.fetchone()
        yield GaugeMetricFamily("unmigratable_database_bytes", "What the database takes on its disk.", size)
        free = shutil.disk_usage(settings.VAR).free if settings.VAR.exists() else 0
        yield GaugeMetricFamily("unmigratable_free_bytes", "Room where this node keeps its own files.", free)

    def _waiting(self) -> Iterator[Metric]:
        number = GaugeMetricFamily("unmigratable_sending", "Messages that wait to be sent.", labels=["kind"])
        oldest = GaugeMetricFamily("unmigratable_sending_seconds", "How long the oldest is overdue.", labels=["kind"])
        for kind, rows in {
            "letters": Letter.objects.filter(state=Letter.State.WAITING),
            "notices": Notice.objects.filter(settled_at=None),
            "deliveries": Delivery.objects.filter(state=Delivery.State.WAITING, hook__disabled_at=None),
        }.items():
            due = rows.aggregate(at=Min("due_at" if kind == "notices" else "next_try_at"))["at"]
            number.add_metric([kind], rows.count())
            oldest.add_metric([kind], _since(due))
        yield number
        yield oldest


def _since(moment: datetime | None) -> float:
    return max(0.0, (timezone.now() - moment) / timedelta(seconds=1)) if moment else 0.0


def _lag() -> float:
    """Of the reader that is furthest behind. One that has never read anything has nothing to tell yet."""
    places = [reader.objects.aggregate(at=Max("place"))["at"] for reader in (MailReader, HookReader)]
    read = min((place for place in places if place), default=None)
    if read is None:
        return 0.0
    behind = Event.objects.filter(Q(place__gt=read) | Q(place=None))
    return _since(behind.order_by().aggregate(at=Min("at"))["at"])


def _settling() -> Iterable[float]:
    with connection.cursor() as cursor:
        cursor.execute(_SETTLING)
        (found,) = cursor.fetchone()
    return found or ()


_registry = CollectorRegistry()
_registry.register(ledger.Collected())
_registry.register(Site())


def figures() -> dict[str, float]:
    """Each gauge's value; where it has labels the largest of them."""
    made: dict[str, float] = {}
    for family in _registry.collect():
        for sample in family.samples:
            made[sample.name] = max(sample.value, made.get(sample.name, sample.value))
    return made


def metrics(request: HttpRequest) -> HttpResponse:
    """In Prometheus' text format."""
    text = generate_latest(_registry) + generate_latest(latencies.registry())
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")
