"""What waits for an editor among reports, for the inbox."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from catalog.pages.inbox import Queue
from people.models import Machine, Standing, User, may
from reports.models import Shared, State
from reports.review import triage
from reports.totals import counters


def queues(person: User) -> Iterable[Queue]:
    unmatched = triage.groups().count()
    yield Queue(
        "Unmatched observations", unmatched, reverse("unmatched"), "Name the case of each group, or call it noise."
    )
    shared = Shared.objects.waiting().count()
    yield Queue("Shared logs", shared, reverse("shared-queue"), "Take a log in as a report, or turn it down.")
    failed = counters.by_state()[State.FAILED]
    yield Queue("Failed reports", failed, reverse("reports") + "?state=failed", "Read them again after a fix.")
    if may(person, "manage machines"):
        new = Machine.objects.filter(standing=Standing.NEW).count()
        yield Queue("Machines to trust", new, reverse("machines"), "Their reports count once they are trusted.")
