"""Which lines of a text may matter.

Most of a log says nothing here, so nothing is done with it: the whole text is searched for a few dozen fixed
strings, which costs time linear in its length, and only the lines found (with the two after each, which wrapped
text and call traces need) are looked at one by one.
"""

from __future__ import annotations

from typing import Dict, Iterator, Set, Tuple

# Each is unique enough to be rare in a log that is not ours, and short enough to survive a wrapped line.
NEEDLES: Tuple[str, ...] = (
    *("page:", "head:", "flags:", "raw:", "aops:", "_aops", "memcg", "mem_cgroup", "page_type", "dumped because"),
    *("page_owner", "allocated via", "last free", "been migrated", "PFN 0x", "poisoned"),
    *("migrating pfn", "isolate pfn", "offlining", "Offlined", "callbacks suppressed", "oft offline", "soft_offline"),
    *("Offline failed", "-remove", "free of", "DLPAR", "dissolve", " SMP", "Kernel"),
    *(
        "cma:",
        "cma_",
        "CMA",
        "available pages",
        "alloc_contig",
        "virtio_mem",
        "migrate_folio",
        "PFNs busy",
        "busy, retrying",
    ),
    *(
        "blocked for more",
        "soft lockup",
        "task:",
        "+0x",
        "folio_",
        "migrate_pages",
        "reclaim_throttle",
        "offline_pages",
    ),
    *("wait_on_page", "lock_page", "mm_compaction", "pages_isolated"),
    *("Linux version", "not responding", "libceph", "timed out", "Memory failure", "resource busy", "Comm:"),
    ", comm: ",
    " at ffff",
    *("/cma/", "/maxchunk:", "/used:", "/count:"),
    *("going-offline", "disable failed", "Could only disable"),
    *("pgmigrate", "compact_", "thp_", "nr_", "Number of blocks type", ", zone", "valid_zones", "/state:"),
    *("inspect:", "waiting", "vm_event", "sysctl"),
)
# What several needles hold: a text without it is searched for none of them, and most texts are without most.
_SHARED = ("fflin", "_page", "cma", "aops", "busy", "omm:")
_NEEDS = {needle: part for needle in NEEDLES for part in _SHARED if part in needle}
# What they mean stands above them: headers of tasks, with registers and words of the stack between, have no needle.
_LOOKS_UP = frozenset(
    {
        "resource busy",
        "Comm:",
        "+0x",
        "folio_",
        "migrate_pages",
        "offline_pages",
        "wait_on_page",
        " at ffff",
    }
)
MAX_ABOVE = 12


def relevant(text: str) -> Iterator[Tuple[int, str]]:
    """(line number from 1, raw line) of every line with a needle, and of the two after each."""
    number, at = 1, 0
    for start, end in _stretches(text):
        number += text.count("\n", at, start)
        at = start
        for offset, raw in enumerate(text[start:end].split("\n")):
            yield number + offset, raw


def _stretches(text: str) -> Iterator[Tuple[int, int]]:
    """Offsets (start, end) of stretches of whole lines around needles: sorted, apart, each line once."""
    starts: Dict[int, int] = {}
    headed: Set[int] = set()
    absent = {part for part in _SHARED if part not in text}
    for needle in NEEDLES:
        if _NEEDS.get(needle) in absent:
            continue
        at = text.find(needle)
        while at >= 0:
            start = text.rfind("\n", 0, at) + 1
            if start in starts:
                end = starts[start]
            else:
                end = text.find("\n", at)
                end = starts[start] = len(text) if end < 0 else end
            if needle in _LOOKS_UP:
                headed.add(start)
            at = text.find(needle, end)
    open_start, open_end = -1, -1
    for start in sorted(starts):
        end = starts[start]
        for _ in range(2):
            following = text.find("\n", end + 1)
            end = (len(text) if following < 0 else following) if end < len(text) else end
        if start in headed and start > open_end + 1:
            start = max(_above(text, start, open_end), 0)
        if start <= open_end + 1 and open_start >= 0:
            open_end = max(open_end, end)
        else:
            if open_start >= 0:
                yield open_start, open_end
            open_start, open_end = start, end
    if open_start >= 0:
        yield open_start, open_end


def _above(text: str, start: int, least: int) -> int:
    """Where the line MAX_ABOVE above `start` begins, but not above `least`, the end of what is taken already."""
    for _ in range(MAX_ABOVE):
        if start <= least + 1:
            break
        start = text.rfind("\n", 0, max(start - 1, 0)) + 1
    return max(start, least + 1)
