"""Things that happen at the same time, each with a connection of its own."""

from __future__ import annotations

import threading
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
