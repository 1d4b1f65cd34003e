"""`/operations/`, for maintainers: whether all goes well, by the figures that alerts go by, and what to do if not."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from config.pages import metrics
from people.models import Role, User

_LARGEST = """
SELECT relname, pg_total_relation_size(c.oid), greatest(reltuples, 0)::bigint FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND nspname = current_schema ORDER BY 2 DESC LIMIT 10
"""


@dataclass(frozen=True)
class Signal:
    """A gauge, and the most that it should be. The alert of the same name in deploy/alerts.yml has the same bound."""

    gauge: str
    what: str
    most: float
    remedy: str

    @property
    def is_time(self) -> bool:
        return self.gauge.endswith("_seconds")


SIGNALS = (
    Signal("unmigratable_oldest_pending_seconds", "The oldest report that waits", 120,
           "No worker reads: start one with -Q ingest, or more of them."),
    Signal("unmigratable_swept_seconds", "Since the last sweep", 120,
           "Beat, the broker, or the worker of maintenance is away: /readyz says which answers."),
    Signal("unmigratable_checked_seconds", "Since the last check of all counts", 93_600,
           "Beat or the worker of maintenance was away at 03:47 UTC."),
    Signal("unmigratable_wrong", "Counts that are wrong", 0,
           "manage.py check_tallies tells which, with --repair it counts them again. A defect of ours: report it."),
    Signal("unmigratable_sending_seconds", "The oldest mail or message that is overdue", 900,
           "The worker of mail and hooks is away, or the mail server does not take mail: the log tells."),
    Signal("unmigratable_journal_lag_seconds", "The oldest event that a follower has not read", 900,
           "The worker of mail and hooks is away, or a transaction has been open for as long."),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    signal: Signal
    value: float | None

    @property
    def state(self) -> str:
        if self.value is None:
            return "unknown"
        return "fine" if self.value <= self.signal.most else "amiss"


def operations(request: HttpRequest) -> HttpResponse:
    if not (isinstance(request.user, User) and request.user.role == Role.MAINTAINER and request.user.is_active):
        raise PermissionDenied("How the site is run is for maintainers.")
    figures = metrics.figures()
    with connection.cursor() as cursor:
        cursor.execute(_LARGEST)
        tables = cursor.fetchall()
    page = {
        "rows": [Row(signal, figures.get(signal.gauge)) for signal in SIGNALS],
        "bytes": figures["unmigratable_database_bytes"],
        "free": figures["unmigratable_free_bytes"],
        "tables": tables,
        "keep_days": settings.KEEP_DAYS.items(),
        "commit": settings.COMMIT,
    }
    return render(request, "operations.html", page)
