"""In which mode pages were migrated, why, and how many of them (include/trace/events/migrate.h)."""

from __future__ import annotations

import re
from typing import Dict, Tuple

_MIGRATED = re.compile(r"mm_migrate_pages(?:_start)?: .{0,300}?mode=(\w{1,40}) reason=(\w{1,40})")
_RESULT = re.compile(r"mm_migrate_pages: nr_succeeded=(\d+) nr_failed=(\d+) .{0,200}? reason=(\w{1,40})")
EVENTS = ("migrate/mm_migrate_pages_start", "migrate/mm_migrate_pages")


def modes(text: str) -> Dict[str, int]:
    """How often pages were migrated in which mode and for which reason, in the kernel's own words."""
    found: Dict[str, int] = {}
    for mode, reason in _MIGRATED.findall(text):
        name = "%s %s" % (mode, reason)
        found[name] = found.get(name, 0) + 1
    return found


def nr_migrated(text: str, reason: str) -> Tuple[int, int]:
    """How many pages were migrated for this reason, and how many could not be."""
    results = [(int(succeeded), int(failed)) for succeeded, failed, why in _RESULT.findall(text) if why == reason]
    return sum(succeeded for succeeded, _ in results), sum(failed for _, failed in results)
