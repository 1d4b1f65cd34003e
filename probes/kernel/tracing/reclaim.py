"""What reclaim took off the LRU, and what it put back. mm_vmscan_lru_isolate names numbers, no frames
(include/trace/events/vmscan.h)."""

from __future__ import annotations

import re
from typing import Dict, List

from probes.kernel.tracing import migration

_TAKEN = re.compile(r"mm_vmscan_lru_isolate: .{0,200}? nr_taken=(\d+) lru=(?:in)?active_(anon|file)")
_SHRUNK = re.compile(
    r"mm_vmscan_lru_shrink_inactive: nid=\d+ nr_scanned=\d+ nr_reclaimed=(\d+) nr_dirty=\d+ nr_writeback=(\d+) "
    r".{0,300}?flags=RECLAIM_WB_(ANON|FILE)"
)
EVENTS = ("vmscan/mm_vmscan_lru_isolate", "vmscan/mm_vmscan_lru_shrink_inactive", *migration.EVENTS)
EVICTION = "unmigratable-evicts"  # a line of our own: one begins here


def evictions(text: str) -> List[str]:
    """What was traced up to the first eviction, and then of each."""
    return text.split(EVICTION)


def most_kept(text: str) -> Dict[str, int]:
    """Of `nr_kept` the most that one eviction had, by kind: of several the sum may have a page twice."""
    found = [nr_kept(part) for part in evictions(text)]
    return {kind: max(each[kind] for each in found) for kind in found[0]}


def nr_kept(text: str) -> Dict[str, int]:
    """How many pages reclaim took off its lists and had to put back, by `anon` and `file`. What it demoted counts as
    reclaimed there (mm/vmscan.c, shrink_folio_list)."""
    found = {"anon": 0, "file": 0}
    for number, kind in _TAKEN.findall(text):
        found[kind] += int(number)
    for number, _, kind in _SHRUNK.findall(text):
        found[kind.lower()] -= int(number)
    return found


def nr_in_writeback(text: str) -> int:
    """How many pages reclaim passed by since they are being written."""
    return sum(int(number) for _, number, _ in _SHRUNK.findall(text))
