"""The ledger: received = settled + rejected + failed + erased + pending. On /reports/, and as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import BigIntegerField, Count, F, Func, Min, Sum
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from catalog.models import Total
from reports.models import Report, State
from reports.totals import counters, watch

# Of one line, of whatever outcome. The database adds up: a scrape needs no row of them.
_RUNS = Func(F("runs"), template="(SELECT sum(n) FROM unnest(%(expressions)s) n)", output_field=BigIntegerField())
_WATCHED = {
    "swept_seconds": "How long ago the sweep was done that beat asks for.",
    "checked_seconds": "How long ago counts were compared with what they are of.",
    "wrong": "How many of them were wrong.",
}
PENDING = (State.RECEIVED, State.INGESTING)


@dataclass(frozen=True)
class Ledger:
    received: int
    states: tuple[tuple[str, str, int], ...]


def ledger() -> Ledger:
    """What was received, and (state to filter by, label, number) for each part of it."""
    known = counters.by_state()
    shown = [(state.value, state.value, known[state]) for state in State if state not in PENDING]
    pending = sum(known[state] for state in PENDING)
    return Ledger(sum(known.values()), (*shown, ("received", "pending", pending)))


class Collected:
    """What a scrape reads: the database, so every node says the same."""

    def collect(self) -> Iterator[Metric]:
        now = ledger()
        reports = GaugeMetricFamily("unmigratable_reports", "Reports by what became of them.", labels=["state"])
        for _, label, number in now.states:
            reports.add_metric([label], number)
        yield reports
        yield GaugeMetricFamily("unmigratable_reports_received", "All reports: the sum of the states.", now.received)
        oldest = Report.objects.filter(state__in=PENDING).aggregate(at=Min("received_at"))["at"]
        waited = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("unmigratable_oldest_pending_seconds", "How long the oldest has waited.", waited)
        claimed = Report.objects.filter(state=State.INGESTING).count()
        yield GaugeMetricFamily("unmigratable_reports_claimed", "In the hands of a worker.", claimed)
        public = Total.objects.visible_to(AnonymousUser()).aggregate(lines=Count("pk"), evidence=Sum(_RUNS))
        yield GaugeMetricFamily("unmigratable_evidence", "Pieces of evidence that count.", public["evidence"] or 0)
        yield GaugeMetricFamily("unmigratable_totals", "Lines that what is public adds up to.", public["lines"])
        for name, value in watch.seen().items():
            yield GaugeMetricFamily(f"unmigratable_{name}", _WATCHED[name], value)
