"""Movers that can hurt a machine: for throw-away guests only. They have a result of their own, beside the pages.

A block that goes offline, a CMA allocation that succeeds: that is what the seed's effects are about.
"""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Set

from probes.children.processes import Blocked, look_at
from probes.errors import CannotRun
from probes.kernel import pages, syscalls, zones
from probes.kernel.counters import vmstat
from probes.movers.attempts import BLOCK_STATE, GIGANTIC, SOFT_OFFLINE, Attempt, MoverChild
from probes.movers.usual import Mover, Operation

_MEMORY = "/sys/devices/system/memory/"
_GIGANTIC_PAGES = (1 << 30) // syscalls.PAGE
_BESIDES_SECONDS = 1.5  # of a hold: to see whether the mover sleeps, and to have it stop where it does not
_STOP_SECONDS = 10.0
_LOOKS, _LOOK_SECONDS = 8, 0.05
_SCRATCH_PAGES, _MOST_SCRATCH = 8192, 24
_TRIAL_PAGES = 64


class GuestMover(Mover):
    """What these share: an attempt that does not come back either sleeps, or is made to stop by a signal."""

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        self.before: Optional[bool] = None
        self.frames: List[int] = []
        self.nr_stopped = 0

    def arm(self, frames: Sequence[int]) -> None:
        self.frames = list(frames)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        began = vmstat()
        made = self.child.ask(self.order(), max(0.5, seconds - _BESIDES_SECONDS), check)
        if made.returned or self._sleeps():
            return made
        # It is at work, again and again: offline_pages() retries without end, and minds any signal.
        at_work = made.blocked
        self.nr_stopped += 1
        self.child.interrupt()
        seconds_taken = self.child.wait(_STOP_SECONDS, check)
        now = vmstat()
        changed = {name: now[name] - began[name] for name in now if name in began and now[name] != began[name]}
        return Attempt(seconds_taken, None if seconds_taken is not None else at_work, changed)

    def _sleeps(self) -> bool:
        """Is it in D, at one place, however often one looks?"""
        seen: Set[Optional[str]] = set()
        for _ in range(_LOOKS):
            found: Optional[Blocked] = look_at(self.child.child.pid)
            seen.add(found.wchan if found is not None and found.sleeps() else None)
            time.sleep(_LOOK_SECONDS)
        return len(seen) == 1 and None not in seen

    def order(self) -> Dict[str, Any]:
        raise NotImplementedError

    def facts(self) -> Dict[str, Any]:
        return {"nr_stopped_by_signal": self.nr_stopped} if self.nr_stopped else {}

    def succeeded(self, answer: Dict[str, Any]) -> bool:
        raise NotImplementedError

    def _latest(self) -> Optional[bool]:
        return None if self.child.busy or not self.child.answer else self.succeeded(self.child.answer)


class Offline(GuestMover):
    """Offlining the memory block, as before it is unplugged. Only blocks that are wholly ZONE_MOVABLE."""

    name = "offline"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        self.block_pages = block_pages()
        self.blocks: Set[int] = set()
        self.node, self.zone = movable_zone()

    def stage(self, nr_pages: int) -> None:
        if self.before is None:
            self.before = self._offline_and_back(movable_blocks())
        syscalls.bind_memory(self.node)

    def steer(self, nr_pages: int) -> Collection[int]:
        syscalls.bind_memory(self.node)
        return range(self.zone.start, self.zone.end)

    def fits(self, frames: Sequence[int]) -> bool:
        self.blocks = self._blocks_of(frames)
        return bool(frames) and all(frame // self.block_pages in self.blocks for frame in frames)

    def arm(self, frames: Sequence[int]) -> None:
        self.blocks |= self._blocks_of(frames)

    def is_kept_out(self, frames: Sequence[int]) -> bool:
        """None of it in ZONE_MOVABLE, although anonymous memory of the same task, asked for right after, is. Then all
        blocks are tried: what lies elsewhere keeps none of them."""
        if any(self.zone.start <= frame < self.zone.end for frame in frames):
            return False
        kept_out = lands_in(self.zone)
        if kept_out and not self.blocks:
            self.blocks = set(movable_blocks())
        return kept_out

    def order(self) -> Dict[str, Any]:
        self.settle()  # a block that is offline already would be refused
        return {"mover": self.name, "blocks": sorted(self.blocks)}

    def succeeded(self, answer: Dict[str, Any]) -> bool:
        return bool(self.blocks) and set(answer.get("offline", [])) == self.blocks

    def operation(self) -> Optional[Operation]:
        named = ", ".join(str(block) for block in sorted(self.blocks))
        name = "offline of memory block %s (%d MiB each)" % (named[:50], self.block_pages * syscalls.PAGE >> 20)
        return Operation(name, self.before, self._latest())

    def settle(self) -> None:
        """Bring back what an attempt took offline."""
        if self.child.busy:
            return
        for block in self.blocks:
            if _read(BLOCK_STATE % block) == "offline":
                _write(BLOCK_STATE % block, "online_movable")

    def close(self) -> None:
        self.settle()
        syscalls.bind_memory(None)

    def _blocks_of(self, frames: Sequence[int]) -> Set[int]:
        candidates = {frame // self.block_pages for frame in frames}
        return {block for block in candidates if valid_zone(block) == "Movable" or block in self.blocks}

    def _offline_and_back(self, blocks: Sequence[int]) -> bool:
        """With nothing held, can each block go offline?"""
        self.blocks = set(blocks)
        self.child.ask(self.order(), 60.0, lambda: None)
        worked = self._latest() is True
        if self.child.busy:
            self.child.interrupt()
            self.child.wait(_STOP_SECONDS, lambda: None)
        self.settle()
        self.blocks = set()
        return worked


class SoftOffline(GuestMover):
    """soft_offline_page of each frame. Reaches what is mapped nowhere; each success retires a frame for good."""

    name = "soft_offline"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if not os.path.exists(SOFT_OFFLINE):
            raise CannotRun("this kernel has no %s (CONFIG_MEMORY_FAILURE)" % SOFT_OFFLINE)
        self.node, self.zone = movable_zone()
        self.nr_frames = 0

    def stage(self, nr_pages: int) -> None:
        syscalls.bind_memory(self.node)

    def steer(self, nr_pages: int) -> Collection[int]:
        syscalls.bind_memory(self.node)
        return range(self.zone.start, self.zone.end)

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames) and all(self.zone.start <= frame < self.zone.end for frame in frames)

    def order(self) -> Dict[str, Any]:
        self.nr_frames = len(self.frames)
        return {"mover": self.name, "frames": self.frames}

    def succeeded(self, answer: Dict[str, Any]) -> bool:
        return bool(answer.get("nr_soft_offline") == self.nr_frames)

    def operation(self) -> Optional[Operation]:
        return Operation("soft offline of every frame, control and target", None, self._latest())

    def close(self) -> None:
        syscalls.bind_memory(None)


class Cma(GuestMover):
    """A 1 GiB huge page out of hugetlb_cma, which is one allocation of the whole CMA area."""

    name = "cma"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if not os.path.exists(GIGANTIC) or "hugetlb_cma=" not in _read("/proc/cmdline"):
            raise CannotRun("no CMA area: the guest wants hugetlb_cma=1G on its command line, and CONFIG_CMA")
        self.start = -1
        self.scratch: List[int] = []

    def stage(self, nr_pages: int) -> None:
        if self.before is None:
            self._try_out()
        self._fill_the_rest()

    def steer(self, nr_pages: int) -> Collection[int]:
        self._fill_the_rest()
        return range(self.start, self.start + _GIGANTIC_PAGES)

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames) and self._nr_inside(frames) == len(frames)

    def area(self, frames: List[int]) -> str:
        """The range is known from the huge page that filled it, so MIGRATE_CMA is proved by the frame."""
        return "migrate_cma" if 2 * self._nr_inside(frames) > len(frames) else super().area(frames)

    def order(self) -> Dict[str, Any]:
        return {"mover": self.name}

    def succeeded(self, answer: Dict[str, Any]) -> bool:
        return bool(answer.get("nr_gigantic", 0) > 0)

    def operation(self) -> Optional[Operation]:
        return Operation("1 GiB huge page from hugetlb_cma (cma_alloc)", self.before, self._latest())

    def settle(self) -> None:
        if not self.child.busy and _read(GIGANTIC) != "0":
            _write(GIGANTIC, "0")

    def close(self) -> None:
        self.settle()
        for address in self.scratch:
            syscalls.unmap_pages(address, _SCRATCH_PAGES)
        self.scratch = []

    def _try_out(self) -> None:
        """Allocate with nothing held; where the page lies is where the area is."""
        self.child.ask(self.order(), 60.0, lambda: None)
        self.before = self._latest() is True
        found = gigantic_frames()
        self.settle()
        if not found:
            raise CannotRun("no huge page came from hugetlb_cma, even with nothing held")
        self.start = found[0]

    def _fill_the_rest(self) -> None:
        """Use up movable memory until more comes out of the area: it is used once the rest is the smaller half
        (mm/page_alloc.c, __rmqueue)."""
        while len(self.scratch) < _MOST_SCRATCH:
            address = syscalls.map_pages(_SCRATCH_PAGES)
            self.scratch.append(address)
            syscalls.advise(address, _SCRATCH_PAGES, syscalls.MADV_NOHUGEPAGE)
            syscalls.fill(address, _SCRATCH_PAGES)
            last = pages.frames_from(address, _SCRATCH_PAGES)[-512:]
            if self._nr_inside([frame for frame in last if frame is not None]) > 500:
                return

    def _nr_inside(self, frames: Sequence[int]) -> int:
        return sum(1 for frame in frames if self.start <= frame < self.start + _GIGANTIC_PAGES)


def gigantic_frames() -> List[int]:
    """The first frames of the 1 GiB huge pages that there are, used or not."""
    found, huge = [], 1 << pages.FLAGS["HUGE"]
    end = max((zone.end for zone in zones.read()), default=0)
    for frame in range(0, end, _GIGANTIC_PAGES):
        first, last = pages.flag_bits([frame, min(frame + _GIGANTIC_PAGES, end) - 1])
        if first & huge and last & huge:
            found.append(frame)
    return found


def movable_zone() -> "tuple[int, zones.Zone]":
    """The node and span of a ZONE_MOVABLE that has memory."""
    for zone in zones.read():
        if zone.name == "Movable":
            return zone.node, zone
    raise CannotRun("no node has a ZONE_MOVABLE with memory")


def lands_in(zone: zones.Zone) -> bool:
    """Does anonymous memory of this task, asked for now, come from this zone?"""
    address = syscalls.map_pages(_TRIAL_PAGES)
    try:
        syscalls.fill(address, _TRIAL_PAGES)
        found = pages.frames_from(address, _TRIAL_PAGES)
    finally:
        syscalls.unmap_pages(address, _TRIAL_PAGES)
    return all(frame is not None and zone.start <= frame < zone.end for frame in found)


def block_pages() -> int:
    size = _read(_MEMORY + "block_size_bytes")
    if not size:
        raise CannotRun("this kernel has no memory blocks that could go offline (CONFIG_MEMORY_HOTREMOVE)")
    return int(size, 16) // syscalls.PAGE


def movable_blocks() -> List[int]:
    blocks = (int(name[len("memory") :]) for name in os.listdir(_MEMORY) if name[len("memory") :].isdigit())
    return sorted(block for block in blocks if valid_zone(block) == "Movable")


def valid_zone(block: int) -> str:
    """The zone that an online block is in (drivers/base/memory.c, valid_zones_show: one name while online)."""
    if _read(BLOCK_STATE % block) != "online":
        return ""
    return (_read(_MEMORY + "memory%d/valid_zones" % block).split() or [""])[0]


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
