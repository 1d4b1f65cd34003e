"""What the site knows of its own work, for /metrics: noted by the worker in the shared cache, told by any node.

Nothing else would tell that beat is dead, on whom the sweep, mail and fetching depend, or that a tally is wrong.
"""

from __future__ import annotations

import logging
import time

from django.core.cache import cache

from reports.totals import check, counters

log = logging.getLogger(__name__)
SWEPT, CHECKED = "watch.swept", "watch.checked"


def note_sweep() -> None:
    cache.set(SWEPT, time.time(), None)


def check_all() -> int:
    """Compares everything that is counted with what it is of. Returns how much differs, and notes it."""
    wrong = len(check.disagreements()) + len(check.miscounts()) + len(_drifted())
    cache.set(CHECKED, (time.time(), wrong), None)
    if wrong:
        log.error("%s tallies, totals or counts are wrong: run manage.py check_tallies", wrong)
    return wrong


def _drifted() -> set[tuple[str, int]]:
    """Lines and rows are counted one after the other while reports come in: what has drifted does so twice alike."""
    first, second = (
        {(name, lines - rows) for name, (lines, rows) in counters.disagreement().items()} for _ in range(2)
    )
    return first & second


def seen() -> dict[str, float]:
    """By name, what is known: seconds since the last sweep and the last check, and how much that one found wrong."""
    noted, now = cache.get_many([SWEPT, CHECKED]), time.time()
    known = {}
    if SWEPT in noted:
        known["swept_seconds"] = now - noted[SWEPT]
    if CHECKED in noted:
        at, wrong = noted[CHECKED]
        known |= {"checked_seconds": now - at, "wrong": wrong}
    return known
