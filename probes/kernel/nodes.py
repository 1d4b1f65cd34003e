"""Which nodes of the machine have memory."""

from __future__ import annotations

from typing import List, Optional


def memory_nodes() -> List[int]:
    """The nodes that have memory; node 0 alone where the kernel knows no nodes."""
    try:
        with open("/sys/devices/system/node/has_memory", encoding="ascii") as listing:
            text = listing.read().strip()
    except OSError:
        return [0]
    return parse_list(text) or [0]


def cpu_of(node: int) -> Optional[int]:
    """The first CPU of a node; None where it has none."""
    try:
        with open("/sys/devices/system/node/node%d/cpulist" % node, encoding="ascii") as listing:
            return next(iter(parse_list(listing.read().strip())), None)
    except OSError:
        return None


def parse_list(text: str) -> List[int]:
    """A kernel list such as `0-1,4`."""
    found: List[int] = []
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found
