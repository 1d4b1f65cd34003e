"""Of several beats one sends, the others wait: where the one dies, or its host is cut off, another goes on.

Who holds a lock of the database's sends. The lock belongs to a connection, and is free when that ends: at once where
the process dies, within half a minute where its host is gone. Each beat keeps the whole schedule, and forgets what it
does not send, so that one that takes over sends nothing that is long past.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from celery.beat import PersistentScheduler
from django.db import connection

from config.queueing import alive

log = logging.getLogger(__name__)
_BEATING = 0x62  # of locks of ours, the one that the beat holds
# Of the server, as of us: neither waits for hours for a host that is gone.
_KEEPALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_ASK = """
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET tcp_user_timeout = 25000; SET idle_session_timeout = 0; SET statement_timeout = '5s'
"""


class Turn:
    """Whether it is this process's turn. Its connection is its own: a pool may hand a session to somebody else."""

    def __init__(self) -> None:
        self._line: psycopg.Connection[Any] | None = None

    def is_ours(self) -> bool:
        try:
            if self._line is not None:
                self._line.execute("SELECT 1")  # a lock that we think we have is gone with its connection
                return True
            return self._taken()
        except psycopg.Error as error:
            log.warning("beat waits: no database (%s)", str(error).partition("\n")[0])
            self.give_back()
            return False

    def _taken(self) -> bool:
        line = psycopg.connect(**{**connection.get_connection_params(), **_KEEPALIVE}, autocommit=True)
        try:
            line.execute(_ASK)
            (ours,) = line.execute("SELECT pg_try_advisory_lock(%s, 0)", [_BEATING]).fetchone() or (False,)
        except psycopg.Error:
            line.close()
            raise
        if ours:
            self._line = line
            log.info("this beat sends from now on")
        else:
            line.close()
        return bool(ours)

    def give_back(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class Scheduler(PersistentScheduler):
    max_interval = alive.SECONDS

    def __init__(self, *args: Any, **given: Any) -> None:
        self.turn = Turn()
        super().__init__(*args, **given)

    def apply_async(self, *args: Any, **given: Any) -> Any:
        """None where it is not our turn: the entry counts as sent."""
        return super().apply_async(*args, **given) if self.turn.is_ours() else None

    def tick(self, *args: Any, **given: Any) -> Any:
        alive.touch()
        self._forget_what_is_to_come()
        return super().tick(*args, **given)

    def _forget_what_is_to_come(self) -> None:
        """Where this host's clock was ahead and is right again, what was sent meanwhile would be due when the clock has
        caught up, in this process and by its file in the next; and the lock keeps the other beat from it."""
        ahead = [one for one in self.schedule.values() if one.last_run_at and one.last_run_at > one.default_now()]
        for one in ahead:
            one.last_run_at = one.default_now()
        if ahead:
            log.warning("the clock went back: %s tasks count as sent now", len(ahead))
            self._heap = None  # in the order of the moments that are forgotten

    def close(self) -> None:
        super().close()
        self.turn.give_back()
