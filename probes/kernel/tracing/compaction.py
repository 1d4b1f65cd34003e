"""What compaction scanned, and in which mode pages were migrated.

`mm_compaction_isolate_migratepages` names the frames that were scanned (include/trace/events/compaction.h;
`range=(0x… ~ 0x…)` in 6.1 to 7.3).
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Tuple

_SCANNED = re.compile(r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
_MIGRATED = re.compile(r"mm_migrate_pages(?:_start)?: .{0,300}?mode=(\w{1,40}) reason=(\w{1,40})")
MIGRATION = ("migrate/mm_migrate_pages_start", "migrate/mm_migrate_pages")
EVENTS = ("compaction/mm_compaction_isolate_migratepages", *MIGRATION)


def scanned(text: str) -> List[Tuple[int, int]]:
    """The ranges of frames that were scanned for something to migrate, each with its end excluded."""
    return [(int(first, 16), int(end, 16)) for first, end in _SCANNED.findall(text)]


def nr_scanned(text: str, frames: Iterable[int]) -> int:
    """How many of these frames lie in a range that was scanned."""
    ranges = scanned(text)
    return sum(1 for frame in frames if any(first <= frame < end for first, end in ranges))


def modes(text: str) -> Dict[str, int]:
    """How often pages were migrated in which mode and for which reason, in the kernel's own words."""
    found: Dict[str, int] = {}
    for mode, reason in _MIGRATED.findall(text):
        name = "%s %s" % (mode, reason)
        found[name] = found.get(name, 0) + 1
    return found
