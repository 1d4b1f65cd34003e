"""Things that happen at the same time, each with a connection of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import connection

PATIENCE_SECONDS = 60


def at_once(*acts: Callable[[], object]) -> None:
    """Returns when all are done; what goes wrong in one of them is raised here."""
    errors: list[BaseException] = []

    def alone(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=alone, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not any(thread.is_alive() for thread in threads), f"not done after {PATIENCE_SECONDS} s"
    if errors:
        raise errors[0]


def alone(act: Callable[[], object]) -> None:
    """For a thread of one's own: leaves no connection behind."""
    try:
        act()
    finally:
        connection.close()


def wait_until_somebody_waits(seconds: float = 30.0) -> None:
    """Until some transaction waits for a lock that another holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            # Other workers of the suite have their databases on the same server.
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits for a lock")
