"""What compaction scanned.

`mm_compaction_isolate_migratepages` names the frames that were scanned (include/trace/events/compaction.h;
`range=(0x… ~ 0x…)` in 6.1 to 7.3).
"""

from __future__ import annotations

import re
from typing import Iterable, List, Tuple

from probes.kernel.tracing import migration

_SCANNED = re.compile(r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
EVENTS = ("compaction/mm_compaction_isolate_migratepages", *migration.EVENTS)


def scanned(text: str) -> List[Tuple[int, int]]:
    """The ranges of frames that were scanned for something to migrate, each with its end excluded."""
    return [(int(first, 16), int(end, 16)) for first, end in _SCANNED.findall(text)]


def nr_scanned(text: str, frames: Iterable[int]) -> int:
    """How many of these frames lie in a range that was scanned."""
    ranges = scanned(text)
    return sum(1 for frame in frames if any(first <= frame < end for first, end in ranges))
