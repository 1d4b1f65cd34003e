"""The bell. A message says only "there is work"; it may be lost, late or doubled, and a sweep rings again."""

from __future__ import annotations

import logging
import threading
import time

from celery import shared_task
from django.db import OperationalError as DatabaseUnavailable
from kombu.exceptions import OperationalError

from reports.totals import counters, recounts
from reports.worker import claims, ingest, replay, requeue, unendorsed
from rest.bounds import limits

log = logging.getLogger(__name__)


class Patience:
    """A worker that the database fails waits before it asks again: 1, 2, 4 seconds, up to 30, however bells ring."""

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
    """What a lost bell or a dead worker left lying is taken up again."""
    claims.release_expired()
    drain()


@shared_task(name="maintenance.sweep")
def tidy() -> None:
    """What a new case or an act left lying is taken up again, and what only grows is folded or thrown away."""
    if replay.unmatched_again() + unendorsed.unendorsed_again():
        bell.ring_now()
    limits.sweep()
    counters.fold()
    work_off_acts()


@shared_task(name="maintenance.acts")
def work_off_acts(seconds: float = 20.0) -> None:
    """What acts of people have left to do; begins no slice after so many seconds."""
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


def ring_acts() -> None:
    """Asks for it now. Where the broker does not take it, the sweep does it."""
    try:
        work_off_acts.apply_async(retry=False, expires=60)
    except (OperationalError, OSError) as error:
        log.warning("the broker did not take the message (%s); the sweep will do it", error)


@shared_task(name="maintenance.rulings")
def check_rulings() -> None:
    if replay.unruled_again():
        bell.ring_now()


class Bell:
    """Rings once for all that was committed within `WAIT_SECONDS`, from a thread of its own.

    The ring follows every commit that asked for it, so none is left to the sweep while the broker works;
    a broker that is slow or down costs the sender nothing.
    """

    WAIT_SECONDS = 0.05
    EXPIRES_SECONDS = 60  # the sweep has rung by then; without a worker, bells must not pile up

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._ringer: threading.Thread | None = None

    def ring(self) -> None:
        self._asked.set()
        # A process that was forked has the object and not the thread.
        if self._ringer is None or not self._ringer.is_alive():
            with self._lock:
                if self._ringer is None or not self._ringer.is_alive():
                    self._ringer = threading.Thread(target=self._keep_ringing, name="bell", daemon=True)
                    self._ringer.start()

    def ring_now(self) -> None:
        """For a process that ends before the thread would."""
        self._send()

    def _keep_ringing(self) -> None:
        while self._asked.wait():
            time.sleep(self.WAIT_SECONDS)
            self._asked.clear()
            self._send()

    def _send(self) -> None:
        try:
            drain.apply_async(retry=False, expires=self.EXPIRES_SECONDS)
        except (OperationalError, OSError) as error:
            log.warning("the broker did not take the bell (%s); the sweep will ring", error)


bell = Bell()
