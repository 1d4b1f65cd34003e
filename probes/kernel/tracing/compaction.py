"""What compaction scanned.

`mm_compaction_isolate_migratepages` names the frames that were scanned (include/trace/events/compaction.h;
`range=(0x… ~ 0x…)` in 6.1 to 7.3).
"""

from __future__ import annotations

import re
from typing import Iterable, List, Pattern, Tuple

from probes.kernel.tracing import migration

_RANGE = r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)"
_SCANNED = re.compile(_RANGE + r"(?! nr_scanned=0 )")
_TAKEN = re.compile(_RANGE + r" nr_scanned=\d+ nr_taken=[1-9]")
_BEGIN = re.compile(r"mm_compaction_begin: .{0,200}? mode=(a?sync)")
EVENTS = (
    "compaction/mm_compaction_isolate_migratepages",
    "compaction/mm_compaction_begin",
    *migration.EVENTS,
)


def scanned(text: str) -> List[Tuple[int, int]]:
    """The ranges of frames that were scanned for something to migrate, each with its end excluded. A pageblock that is
    marked to be skipped is named as well, with nothing scanned."""
    return _ranges(_SCANNED, text)


def nr_scanned(text: str, frames: Iterable[int]) -> int:
    """How many of these frames lie in a range that was scanned."""
    return _nr_inside(scanned(text), frames)


def nr_beside_taken(text: str, frames: Iterable[int]) -> int:
    """How many of them lie in a range of which something was isolated. The scan of a pageblock that comes to be marked
    meanwhile ends at once, and is told as one of the whole (mm/compaction.c, test_and_set_skip)."""
    return _nr_inside(_ranges(_TAKEN, text), frames)


def _ranges(kind: Pattern[str], text: str) -> List[Tuple[int, int]]:
    return [(int(first, 16), int(end, 16)) for first, end in kind.findall(text)]


def _nr_inside(ranges: List[Tuple[int, int]], frames: Iterable[int]) -> int:
    return sum(1 for frame in frames if any(first <= frame < end for first, end in ranges))


def beyond_async(text: str) -> str:
    """The lines of those rounds that are not MIGRATE_ASYNC: who allocates begins with one that is (mm/compaction.c,
    compact_zone_order), and where it has been, the block is marked to be skipped (isolate_migratepages_block)."""
    kept, mode = [], "async"
    for line in text.splitlines():
        begin = _BEGIN.search(line)
        mode = begin[1] if begin is not None else mode
        if mode == "sync":
            kept.append(line)
    return "\n".join(kept)
