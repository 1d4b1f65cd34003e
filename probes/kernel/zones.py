"""Which zone a page frame is in, as far as user space can know it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import List, Optional

from probes.kernel.syscalls import PAGE

_MEMORY = "/sys/devices/system/memory/"


@dataclass(frozen=True)
class Zone:
    node: int
    name: str
    start: int
    end: int


def parse(text: str) -> List[Zone]:
    """The zones of /proc/zoneinfo that span memory, as [start, end) in page frames."""
    zones = []
    for part in re.split(r"(?m)^(?=Node )", text):
        head = re.match(r"Node (\d+), zone\s+(\w+)", part)
        spanned = re.search(r"(?m)^ +spanned +(\d+)", part)
        start = re.search(r"(?m)^ +start_pfn: +(\d+)", part)
        if head and spanned and start and int(spanned[1]):
            first = int(start[1])
            zones.append(Zone(int(head[1]), head[2], first, first + int(spanned[1])))
    return zones


def read() -> List[Zone]:
    with open("/proc/zoneinfo", encoding="ascii") as zoneinfo:
        return parse(zoneinfo.read())


@functools.lru_cache(maxsize=None)
def pageblock_pages() -> int:
    """Pages in a pageblock, the unit that has a migratetype; 512, as with 4 KiB pages, where it is not told."""
    try:
        with open("/proc/pagetypeinfo", encoding="ascii") as info:
            found = re.search(r"Pages per block:\s+(\d+)", info.read())
    except OSError:
        found = None
    return int(found[1]) if found else 512


def zone_of(frame: int, zones: List[Zone]) -> Optional[Zone]:
    """The zone of a frame; None where it cannot be known.

    Spans may overlap (ZONE_MOVABLE on a hot-plugged block lies inside another zone's span); then the
    memory block's `valid_zones` decides, which names one zone for an online block (drivers/base/memory.c).
    """
    candidates = [zone for zone in zones if zone.start <= frame < zone.end]
    if len(candidates) == 1:
        return candidates[0]
    name = _zone_of_block(frame)
    named = [zone for zone in candidates if zone.name == name]
    return named[0] if len(named) == 1 else None


def _zone_of_block(frame: int) -> str:
    try:
        with open(_MEMORY + "block_size_bytes", encoding="ascii") as size:
            block = frame * PAGE // int(size.read(), 16)
        with open(_MEMORY + "memory%d/valid_zones" % block, encoding="ascii") as valid:
            return valid.read().split()[0]
    except (OSError, IndexError):
        return ""


def area(frames: List[int], zones: List[Zone]) -> str:
    """The area (vocabulary.AREAS) in which a mover met these frames.

    MIGRATE_CMA and MIGRATE_MOVABLE cannot be told apart from user space, so all that is not provably in
    ZONE_MOVABLE is `migrate_movable`: it was allocated as movable.
    """
    found = [zone_of(frame, zones) for frame in frames]
    inside = [zone for zone in found if zone is not None and zone.name == "Movable"]
    return "zone_movable" if found and 2 * len(inside) > len(found) else "migrate_movable"
