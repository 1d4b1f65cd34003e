"""What khugepaged says of a range, and at which folio or address it gave it up (include/trace/events/huge_memory.h)."""

from __future__ import annotations

import re
from typing import Collection, Dict

_BY_FRAME = re.compile(
    r"mm_(khugepaged_scan\w{1,20}|collapse_huge\w{1,20}): .{0,200}?scan_pfn=0x([0-9a-f]+), (.{0,400})"
)
_BY_ADDRESS = re.compile(r"mm_(khugepaged_collapse_file): .{0,200}?addr=([0-9a-f]+), (.{0,400})")
_STATUS = re.compile(r"\b(?:status|result)=(\w{1,40})")
EVENTS = (
    "huge_memory/mm_khugepaged_scan_pmd",
    "huge_memory/mm_khugepaged_scan_file",
    "huge_memory/mm_collapse_huge_page_isolate",
    "huge_memory/mm_khugepaged_collapse_file",  # not in 6.1
)
# What it says of a folio that somebody holds. Its other words are of the range, of the control's memory, or of a huge
# page that could not be had. A dirty folio of a file, or one under writeback, has a word of its own in 7.3 alone.
OF_A_HOLD = (
    "not_suitable_page_count",
    "page_locked",
    "page_not_in_lru",
    "could_not_delete_page_from_lru",
    "page_has_private",
    "page_dirty_or_writeback",
)


def statuses(text: str, frames: Collection[int], addresses: range) -> Dict[str, int]:
    """How often khugepaged said what of these frames, or of the range at these addresses: event and status.

    Where it names a frame, it is the one at which it gave the range up, or the last one of a range that it collapsed.
    """
    told = [(event, rest) for event, frame, rest in _BY_FRAME.findall(text) if int(frame, 16) in frames]
    told += [(event, rest) for event, address, rest in _BY_ADDRESS.findall(text) if int(address, 16) in addresses]
    found: Dict[str, int] = {}
    for event, rest in told:
        for word in _STATUS.findall(rest)[-1:]:
            name = "%s %s" % (event, word)
            found[name] = found.get(name, 0) + 1
    return found
