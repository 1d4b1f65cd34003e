"""Celery tasks: what the bell (reports.intake.bell) asks for, and sweeps for bells that were lost."""

from __future__ import annotations

import time

from celery import shared_task
from django.db import OperationalError as DatabaseUnavailable

from reports.intake.bell import bell, ring_acts
from reports.totals import counters, recounts, watch
from reports.worker import claims, ingest, replay, requeue, unendorsed
from rest.bounds import limits


class Patience:
    """Backoff: while the database fails, a worker waits 1, 2, 4, up to 30 seconds, however often the bell rings."""

    MOST_SECONDS = 30.0

    def __init__(self) -> None:
        self.failures = 0

    def failed(self) -> None:
        time.sleep(min(2.0**self.failures, self.MOST_SECONDS))
        self.failures = min(self.failures + 1, 10)

    def worked(self) -> None:
        self.failures = 0


patience = Patience()


@shared_task(name="ingest.drain")
def drain() -> None:
    try:
        came_to_the_end = ingest.drain()
    except DatabaseUnavailable:
        patience.failed()
        raise
    patience.worked()
    if not came_to_the_end:
        bell.ring_now()


@shared_task(name="ingest.sweep")
def sweep() -> None:
    """Requeues expired claims, and drains what a lost bell left waiting."""
    claims.release_expired()
    drain()


@shared_task(name="maintenance.sweep")
def tidy() -> None:
    """Requeues reports that new signatures may match, folds counters, and continues acts that are not finished."""
    if replay.unmatched_again() + unendorsed.unendorsed_again():
        bell.ring_now()
    limits.sweep()
    counters.fold()
    work_off_acts()
    watch.note_sweep()


@shared_task(name="maintenance.acts")
def work_off_acts(seconds: float = 20.0) -> None:
    """Continues requeues and recounts that people asked for. Begins no slice after so many seconds."""
    end = time.monotonic() + seconds
    queued = False
    while time.monotonic() < end:
        if requeue.one_slice():
            queued = True
        elif not recounts.one_slice():
            break
    else:
        ring_acts()
    if queued:
        bell.ring_now()


@shared_task(name="maintenance.rulings")
def check_rulings() -> None:
    if replay.requeue_unruled() + requeue.respell():
        bell.ring_now()


@shared_task(name="maintenance.check")
def check_counts() -> None:
    watch.check_all()
