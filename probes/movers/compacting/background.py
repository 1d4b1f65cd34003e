"""Compaction as it happens by itself: kcompactd in the background, and who faults for a huge page and finds none.

Both run in MIGRATE_SYNC_LIGHT (mm/compaction.c, compact_node and compact_zone_order), and both only where free memory
is fragmented. So nearly all memory of a throw-away guest is taken first, and what is free besides is the arena's holes.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Sequence, Set

from probes.children.processes import Blocked
from probes.errors import CannotRun
from probes.kernel import pages, syscalls
from probes.kernel.tracing.compaction import beyond_async, nr_beside_taken, nr_scanned
from probes.kernel.tracing.migration import modes
from probes.movers.arena import free_bytes
from probes.movers.attempts import PROACTIVENESS, Attempt, MoverChild
from probes.movers.usual import NR_PAGES, Compaction

# Left free beside the arena: enough for the guest to live on, little enough for its node to count as fragmented
# (mm/compaction.c, fragmentation_score_wmark: 15 of 100 at the highest proactiveness).
_LEFT_FREE_BYTES = 128 << 20
_CLEARING_SECONDS = 60.0
_MOST_CLEARINGS, _FEW_BELOW = 4, 4096
_LEAST_SHARE_ABOVE = 0.4  # of the arena, with half of its upper half free
_HUGE_PAGES = (2 << 20) // syscalls.PAGE
# Direct compaction goes on from where an earlier one stopped, and is put off after each that failed, up to 64 faults
# (mm/compaction.c, COMPACT_MAX_DEFER_SHIFT); then it begins at the zone's start again. Seen on 7.3.4 with 32 faults
# more than there were huge pages: in one try the target was scanned and the control was not, in others neither.
_FAULTS_TO_COME_ROUND = 256


class FragmentedCompaction(Compaction):
    """What both share: little is free but holes, and whether the target was scanned is seen in the trace."""

    most_tries = 3
    least_try_seconds = 8.0  # emulated, one takes 1 to 6 s, and one that is cut by the end of the hold says nothing

    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child, arena_bytes)
        if child.trace is None:
            raise CannotRun("%s is measured with tracepoints, in a throw-away guest" % self.name)
        self.trace = child.trace
        self.ballast: List["tuple[int, int]"] = []
        self.frames: List[int] = []
        self.control_frames: List[int] = []
        self.nr_below: List[int] = []
        self.scanned: List[int] = []
        self.control_scanned: List[int] = []
        self.taken_beyond_async: List[int] = []
        self.modes: Dict[str, int] = {}

    def stage(self, nr_pages: int) -> None:
        """The holes are made before anything is held: emulated, it takes seconds that a hold does not have.

        And what lies lowest is moved out of the way. In a guest that has just booted this is what its initramfs was
        unpacked to: seen on 7.3.4, 12 056 pages of it used up the holes in three attempts of three; and with one round
        of it on 6.12.95, in six of six.
        """
        if not self.ballast:
            self._take_ballast()
            self._make_holes()
            for _ in range(_MOST_CLEARINGS):
                self.child.ask({"mover": Compaction.name}, _CLEARING_SECONDS, lambda: None)
                if self._make_holes() < _FEW_BELOW:
                    break
        else:
            self._make_holes()
        self.steer(nr_pages)

    def _make_holes(self) -> int:
        """In new scratch memory; returns how many pages lie below all of it that compaction would move first."""
        self._renew()
        assert self.arena is not None
        lru = 1 << pages.FLAGS["LRU"]
        self.nr_below.append(sum(1 for bits in pages.flag_bits(self.arena.below()) if bits & lru))
        self.nr_targets.append(self.arena.punch_upper())
        return self.nr_below[-1]

    def fits(self, frames: Sequence[int]) -> bool:
        return self._has_above(frames, _LEAST_SHARE_ABOVE)

    def arm(self, frames: Sequence[int]) -> None:
        """Only where an earlier attempt has used the holes up."""
        if self.scanned:
            super().arm(frames)

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        self.frames, self.control_frames = list(target), list(control)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        self.trace.skip()
        made = self.child.ask(self.order(), seconds, check)
        text = self.trace.new()
        self.scanned.append(nr_scanned(text, self.frames))
        self.control_scanned.append(nr_scanned(text, self.control_frames))
        self.taken_beyond_async.append(nr_beside_taken(beyond_async(text), self.frames))
        for name, nr in modes(text).items():
            self.modes[name] = self.modes.get(name, 0) + nr
        return made

    def order(self) -> Dict[str, Any]:
        return {"mover": self.name}

    def met_target(self) -> bool:
        """Did the latest attempt scan every frame of the target?"""
        return bool(self.scanned) and self.scanned[-1] == len(self.frames)

    def sleeps(self, blocked: Blocked) -> bool:
        """Who allocates may sleep in D in reclaim as well, which says nothing of what is held."""
        return blocked.sleeps() and any(line.startswith("migrate_pages") for line in blocked.stack)

    def facts(self) -> Dict[str, Any]:
        return {
            **super().facts(),
            "nr_target_frames_scanned_per_try": " ".join(str(number) for number in self.scanned),
            "nr_target_frames_beside_taken_beyond_async_per_try": " ".join(
                str(number) for number in self.taken_beyond_async
            ),
            "nr_control_frames_scanned_per_try": " ".join(str(number) for number in self.control_scanned),
            "migrate_modes_traced": ", ".join("%s %d" % pair for pair in sorted(self.modes.items())) or "none",
            "nr_movable_below_per_staging": " ".join(str(number) for number in self.nr_below),
            "ballast_mib": sum(nr for _, nr in self.ballast) * syscalls.PAGE >> 20,
        }

    def close(self) -> None:
        super().close()
        for address, nr_pages in self.ballast:
            syscalls.unmap_pages(address, nr_pages)
        self.ballast = []

    def _take_ballast(self) -> None:
        """In huge pages, which compaction for smaller ones leaves where they are."""
        nr_pages = max(0, free_bytes(0) - self.arena_bytes - _LEFT_FREE_BYTES) // syscalls.PAGE
        nr_pages -= nr_pages % _HUGE_PAGES
        if nr_pages:
            address = syscalls.map_pages(nr_pages)
            self.ballast.append((address, nr_pages))
            syscalls.advise(address, nr_pages, syscalls.MADV_HUGEPAGE)
            syscalls.fill(address, nr_pages)


class Kcompactd(FragmentedCompaction):
    """The node's own thread, woken by a write to vm.compaction_proactiveness."""

    name = "kcompactd"

    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child, arena_bytes)
        if not os.path.exists(PROACTIVENESS):
            raise CannotRun("this kernel has no %s" % PROACTIVENESS)

    def order(self) -> Dict[str, Any]:
        return {"mover": self.name, "pid": self.child.watched}


class DirectCompaction(FragmentedCompaction):
    """A task touches memory that it wants in huge pages (MADV_HUGEPAGE), until compaction has to make them."""

    name = "direct_compaction"

    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child, arena_bytes)
        if not os.path.exists("/sys/kernel/mm/transparent_hugepage/enabled"):
            raise CannotRun("this kernel has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)")

    def steer(self, nr_pages: int) -> Set[int]:
        """Control and target in pageblocks of their own: it gives up a block in which one page cannot be had
        (mm/compaction.c, skip_on_failure), so a control beside the target stays too."""
        assert self.arena is not None
        return self.arena.steer_apart(NR_PAGES, nr_pages - NR_PAGES)

    def protect(self, control: Sequence[int]) -> None:
        """Who wants a huge page and finds none reclaims before it compacts in earnest: a control of clean page cache
        may be gone then (in two runs of two on 7.3.4 it never moved). Locked memory is compacted like any other
        (vm.compact_unevictable_allowed)."""
        for address in control:
            syscalls.lock_pages(address, 1)

    def keep(self, target: Sequence[int]) -> None:
        """The same of page cache that is held, since it is clean once it is let go.

        Of fuse-writeback on 7.3.4 at most one page of 16 moved after the release, in four boots.
        """
        frames = [frame for frame in pages.frames_of(target) if frame is not None]
        if frames and len(pages.of_files(frames)) == len(frames):
            self.protect(target)

    def order(self) -> Dict[str, Any]:
        return {"mover": self.name, "nr_faults": free_bytes(0) // (2 << 20) + _FAULTS_TO_COME_ROUND}
