"""Scratch memory that makes compaction do something that can be foretold.

A plain write to compact_memory moves next to nothing: wholly free pageblocks are no migration target
(mm/compaction.c, suitable_migration_target). So the arena maps many single pages, gives back its lowest
frames right before the experiment allocates its own (`steer`; a per-CPU free list hands them out last
in, first out), and then frees every other frame above these as targets (`punch`).
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from typing import List, Optional, Sequence, Set, Tuple

from probes.errors import CannotRun
from probes.kernel import pages, syscalls, zones

LEAST_BYTES = 64 << 20
MOST_BYTES = 512 << 20


def affordable_bytes(wanted_bytes: int) -> int:
    """The size of an arena that does no harm: never more than a quarter of MemAvailable."""
    size = min(wanted_bytes, _available_bytes() // 4)
    if size < LEAST_BYTES:
        raise CannotRun("too little free memory for the scratch area: %d MiB would be allowed" % (size >> 20))
    return size


def affordable_on_node(wanted_bytes: int, node: int) -> int:
    """The same where all of it must come from one node: never more than half of what is free there.

    Bound to a node (MPOL_BIND) that runs full, a task is killed for want of memory, however much the others
    have. Measured in a guest with 512 MiB on each of two nodes.
    """
    size = min(wanted_bytes, free_bytes(node) // 2)
    if size < LEAST_BYTES:
        raise CannotRun("too little free memory on node %d: %d MiB would be allowed" % (node, size >> 20))
    return size


def free_bytes(node: int) -> int:
    with open("/sys/devices/system/node/node%d/meminfo" % node, encoding="ascii") as meminfo:
        for line in meminfo:
            if "MemFree:" in line:
                return int(line.split()[-2]) << 10
    raise CannotRun("node %d does not tell what is free" % node)


def _available_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    raise CannotRun("/proc/meminfo has no MemAvailable")


class Arena:
    """Needs the task pinned to one CPU: a frame that is given back must come from the same free list again."""

    def __init__(self, size_bytes: int) -> None:
        self.nr_pages = size_bytes // syscalls.PAGE
        self.address = syscalls.map_pages(self.nr_pages)
        syscalls.advise(self.address, self.nr_pages, syscalls.MADV_NOHUGEPAGE)
        syscalls.fill(self.address, self.nr_pages)
        self.zones = zones.read()
        self.block_pages = zones.pageblock_pages()

    def steer(self, nr_pages: int) -> Set[int]:
        """Give back the lowest frames of the zone where most of the arena is; returns them.

        The next page faults of this CPU get these, lowest first, as long as nothing else is freed.
        """
        frames, indexes = self._lowest(nr_pages)
        self._free(indexes)
        return set(frames)

    def _lowest(self, nr_pages: int) -> "Tuple[array[int], array[int]]":
        """Frames and indexes, highest first, as arrays of their own.

        A list that still referred to the objects of the big one would keep parts of Python's heap alive,
        and their release, on return, would put other frames on top of the free list.
        """
        lowest = in_own_blocks(self._in_main_zone(), self.block_pages)[:nr_pages]
        lowest.reverse()
        return array("Q", [frame for frame, _ in lowest]), array("Q", [index for _, index in lowest])

    def steer_spread(self, nr_pages: int) -> Set[int]:
        """As `steer`, but one frame of each of the lowest pageblocks that the arena has wholly."""
        frames, indexes = self._first_of_blocks(nr_pages)
        self._free(indexes)
        return set(frames)

    def _first_of_blocks(self, nr_pages: int) -> "Tuple[array[int], array[int]]":
        """Frames and indexes, highest first; as arrays for the reason that `_lowest` has."""
        mapped = self._in_main_zone()
        owned = Counter(frame // self.block_pages for frame, _ in mapped)
        whole = [
            (frame, index)
            for frame, index in mapped
            if frame % self.block_pages == 0 and owned[frame // self.block_pages] == self.block_pages
        ][:nr_pages]
        whole.reverse()
        return array("Q", [frame for frame, _ in whole]), array("Q", [index for _, index in whole])

    def steer_apart(self, nr_first: int, nr_rest: int) -> Set[int]:
        """As `steer`, but `nr_first` frames in one pageblock, and `nr_rest` in the next that the arena has."""
        blocks = self.own_blocks(2)
        if len(blocks) < 2:
            raise CannotRun("the scratch area has no two pageblocks of its own")
        index_of = dict(self._mapped())
        frames = [blocks[0] + nr for nr in range(nr_first)] + [blocks[1] + nr for nr in range(nr_rest)]
        indexes = array("Q", [index_of[frame] for frame in reversed(frames)])
        del index_of
        self._free(indexes)
        return set(frames)

    def own_blocks(self, nr_blocks: int) -> List[int]:
        """The first frames of the lowest pageblocks that the arena has wholly, lowest first."""
        return sorted(self._first_of_blocks(nr_blocks)[0])

    def clear_blocks(self, frames: Sequence[int], but: Sequence[int] = ()) -> None:
        """Free what the arena still has in the pageblocks of `frames`, but for the frames named."""
        blocks, kept = {frame // self.block_pages for frame in frames}, set(but)
        mapped = self._mapped()
        self._free([index for frame, index in mapped if frame // self.block_pages in blocks and frame not in kept])

    def below(self) -> Sequence[int]:
        """The frames of its zone that lie below all of it."""
        mapped = self._in_main_zone()
        zone = zones.zone_of(mapped[0][0], self.zones)
        return range(zone.start, mapped[0][0]) if zone else range(0)

    def nr_above(self, frames: Sequence[int]) -> int:
        """How many frames the arena still has that compaction could use as targets for `frames`."""
        return len(self._above(frames))

    def punch(self, frames: Sequence[int], run_pages: int = 1, most: Optional[int] = None) -> int:
        """Free every other run of `run_pages` frames above `frames` in their zone; how many frames.

        `most`: of the highest no more than so many, since compaction moves as many pages as it finds targets.
        """
        above = self._above(frames)[-2 * most if most else 0 :]
        if run_pages > 1:  # runs of that order, as the buddy allocator aligns them
            chosen = [index for frame, index in above if frame // run_pages % 2]
        else:
            chosen = [index for _, index in above[::2]]
        self._free(chosen)
        return len(chosen)

    def punch_upper(self) -> int:
        """Free every other frame of the upper half of the arena; how many. What is steered afterwards lies below."""
        mapped = self._in_main_zone()
        chosen = [index for _, index in mapped[len(mapped) // 2 :: 2]]
        self._free(chosen)
        return len(chosen)

    def close(self) -> None:
        syscalls.unmap_pages(self.address, self.nr_pages)

    def _mapped(self) -> List[Tuple[int, int]]:
        """(frame, index) of what is still mapped, lowest frame first. Read anew: compaction moves these too."""
        found = pages.frames_from(self.address, self.nr_pages)
        return sorted((frame, index) for index, frame in enumerate(found) if frame is not None)

    def _in_main_zone(self) -> List[Tuple[int, int]]:
        mapped = self._mapped()
        middle = zones.zone_of(mapped[len(mapped) // 2][0], self.zones)
        if middle is None:
            return mapped
        return [(frame, index) for frame, index in mapped if middle.start <= frame < middle.end]

    def _above(self, frames: Sequence[int]) -> List[Tuple[int, int]]:
        """(frame, index) of what is above `frames`, lowest first; nothing where these lie in more than one zone."""
        found = {zones.zone_of(frame, self.zones) for frame in frames}
        zone = found.pop() if len(found) == 1 else None
        if zone is None:
            return []
        return [(frame, index) for frame, index in self._mapped() if max(frames) < frame < zone.end]

    def _free(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            syscalls.advise(self.address + index * syscalls.PAGE, 1, syscalls.MADV_DONTNEED)


def in_own_blocks(mapped: List[Tuple[int, int]], block_pages: int) -> List[Tuple[int, int]]:
    """What lies in pageblocks of which at least half is in `mapped`; all of it where there is none.

    A frame that was taken from an unmovable or reclaimable pageblock, as a fallback, goes back to the free
    list of that type, and the next movable page does not come from there. The arena cannot have half of
    such a block: taking so much makes it movable (mm/page_alloc.c, try_to_claim_block; steal_suitable_fallback
    in older trees).
    """
    owned = Counter(frame // block_pages for frame, _ in mapped)
    good = [(frame, index) for frame, index in mapped if 2 * owned[frame // block_pages] >= block_pages]
    return good or mapped


def pin_to_one_cpu() -> Set[int]:
    """Pin this process; the other CPUs it was allowed (for its helpers), empty where there are none."""
    allowed = os.sched_getaffinity(0)
    chosen = min(allowed)
    os.sched_setaffinity(0, {chosen})
    return allowed - {chosen}
