"""What goes after a while, kind by kind, in slices: no transaction holds much, and a run ends when its time is over.

Never here: evidence, reports that were acknowledged and read, the journal, comments, texts and their revisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.search import retention as of_catalog
from discussion import retention as of_discussion
from mailing import retention as of_mailing
from reports.review import retention as of_reports
from webhooks import retention as of_webhooks

SLICE = 1_000


def _delete(rows: QuerySet[Any]) -> int:
    """How many of these went, what went with them not counted."""
    total, by_model = rows.delete()
    return by_model.get(rows.model._meta.label, total)


@dataclass(frozen=True)
class Kind:
    """`name` is its setting's in UNMIGRATABLE_KEEP_DAYS; `due` finds what is older, `remove` makes it so no more."""

    name: str
    due: Callable[[datetime], QuerySet[Any]]
    remove: Callable[[QuerySet[Any]], int] = _delete

    def due_now(self) -> QuerySet[Any]:
        """Nothing where it is kept for ever."""
        days = settings.KEEP_DAYS[self.name]
        due = self.due(timezone.now() - timedelta(days=days))
        return due if days else due.none()


# Adding a kind is adding a line here, its days to the settings and a row to docs/operations.md.
KINDS = (
    Kind("refused", of_reports.refused),
    Kind("refused-bytes", of_reports.refused_bytes),
    Kind("shares-waiting", of_reports.waiting, of_reports.expire),
    Kind("shares", of_reports.decided),
    Kind("results", of_reports.kept),
    Kind("notices", of_mailing.notices),
    Kind("mails", of_discussion.mails),
    Kind("deliveries", of_webhooks.deliveries),
    Kind("sessions", of_discussion.sessions),
    Kind("accounts", of_discussion.unproved, of_discussion.close),
    Kind("words", of_catalog.unused_words),
)


def run(seconds: float) -> tuple[dict[str, int], bool]:
    """Removes what is due, for so many seconds. Returns how many of each kind, and whether it came to the end."""
    end = time.monotonic() + seconds
    removed = dict.fromkeys((kind.name for kind in KINDS), 0)
    for kind in KINDS:
        while number := _slice(kind):
            removed[kind.name] += number
            if time.monotonic() > end:
                return removed, False
            if number < SLICE:
                break
    return removed, True


@transaction.atomic
def _slice(kind: Kind) -> int:
    """What is due is asked again as it is removed: a machine may be trusted between the two."""
    ids = list(kind.due_now().order_by().values_list("pk", flat=True)[:SLICE])
    return kind.remove(kind.due_now().filter(pk__in=ids)) if ids else 0
