"""The bell. A message says only "there is work"; it may be lost, late or doubled, and a sweep rings again.

Tasks are rung by their names: who keeps a report need not know who reads it.
"""

from __future__ import annotations

import threading
import time
from collections import deque

import structlog

from rest.messages import ring


class Bell:
    """Rings once for all that was committed within `WAIT_SECONDS`, from a thread of its own.

    The ring follows every commit that asked for it, so none is left to the sweep while the broker works;
    a broker that is slow or down costs the sender nothing.
    """

    WAIT_SECONDS = 0.05
    NAMED = 8  # ids of requests that one ring names, for the log: of a flood the last ones

    def __init__(self) -> None:
        self._requests: deque[str] = deque(maxlen=self.NAMED)
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._ringer: threading.Thread | None = None

    def ring(self) -> None:
        if request := structlog.contextvars.get_contextvars().get("request_id"):
            self._requests.append(request)
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
        named = [self._requests.popleft() for _ in range(len(self._requests))]
        if not named:
            return ring("ingest.drain")
        with structlog.contextvars.bound_contextvars(request_id=" ".join(named)):
            ring("ingest.drain")


bell = Bell()


def ring_acts() -> None:
    """Asks for what acts of people have left to do, now. Where the broker does not take it, the sweep does it."""
    ring("maintenance.acts")
