"""Those who ask the kernel to migrate pages, and what each needs beforehand."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Set

from probes.children.processes import Blocked, start
from probes.errors import CannotRun
from probes.kernel import syscalls, zones
from probes.kernel.nodes import memory_nodes
from probes.movers.arena import Arena, affordable_on_node
from probes.movers.attempts import COMPACT_MEMORY, Attempt, MoverChild

# Of the arena, above the pages to be moved: what a run should begin with (with less, the target often
# stayed put after its release), and what makes a further try worth while without a new arena.
_GOOD_SHARE, _POOR_SHARE = 0.75, 0.1


NR_PAGES = 16

_SYNC_SECONDS = 10.0


@dataclass(frozen=True)
class Operation:
    """What was asked for as a whole. `before`: did it succeed with nothing held; `latest`: in the latest attempt.

    None is not known, as with an attempt that has not come back yet.
    """

    name: str
    before: Optional[bool]
    latest: Optional[bool]


class Mover:
    """What a run needs of a mover. `brings_back`: can it move a page more than once, at will?"""

    name = ""
    brings_back = False
    most_tries = 1
    least_try_seconds = 0.5  # of a hold: with less left no further try is begun
    range_pages = 0  # control and target lie in a range each, aligned to that; 0: wherever they come to lie

    def __init__(self, child: MoverChild) -> None:
        self.child = child

    def stage(self, nr_pages: int) -> None:
        """Called right before the experiment allocates: have its pages come from where they can be moved."""
        raise NotImplementedError

    def fits(self, frames: Sequence[int]) -> bool:
        """Did the pages land where this mover can move them?"""
        raise NotImplementedError

    def settle(self) -> None:
        """Called while nothing is held: put away what would disturb an attempt."""

    def steer(self, nr_pages: int) -> Collection[int]:
        """Have the next allocations use frames where this mover can move them; the frames that come into question."""
        raise CannotRun("%s cannot reach pages that are mapped nowhere" % self.name)

    def area(self, frames: List[int]) -> str:
        """The area (vocabulary.AREAS) in which the mover met these frames."""
        return zones.area(frames, zones.read())

    def is_kept_out(self, frames: Sequence[int]) -> bool:
        """Called where pages landed badly each time: is such memory not allocated in this mover's area at all? False
        where that is not known."""
        return False

    def conclude(self) -> None:
        """Called after an attempt, and once its pages are counted: find out what came of it as a whole."""

    def operation(self) -> Optional[Operation]:
        """The result that the mover's work has as a whole; None where it has none but the pages."""
        return None

    def protect(self, control: Sequence[int]) -> None:
        """Called once all is staged and before anything is held, with the addresses of the control: have it stay."""

    def keep(self, target: Sequence[int]) -> None:
        """Called then too, with the addresses of the target, as far as it has any yet: have it not be dropped."""

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        """Called once the target is held, with the frames of both."""

    def arm(self, frames: Sequence[int]) -> None:
        """Called before an attempt."""

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        raise NotImplementedError

    def met_target(self) -> bool:
        """Has the latest attempt come to the target? False where that is known not to be so."""
        return True

    def confirmed(self, addresses: Sequence[int], nr_moved: int) -> int:
        """Of `nr_moved` pages at these addresses that have another frame now, how many has this mover moved."""
        return nr_moved

    def sleeps(self, blocked: Blocked) -> bool:
        """Is this how it waits for what is held?"""
        return blocked.sleeps()

    def facts(self) -> Dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class Compaction(Mover):
    """A write to /proc/sys/vm/compact_memory on a staged zone. A lottery where others use the zone too."""

    name = "compaction"
    most_tries = 5

    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child)
        if not os.path.exists(COMPACT_MEMORY):
            raise CannotRun("this kernel has no %s" % COMPACT_MEMORY)
        self.arena_bytes = arena_bytes
        self.arena: Optional[Arena] = None
        self.nr_targets: List[int] = []
        self.nr_syncs_unfinished = 0
        nodes = memory_nodes()
        if len(nodes) > 1:
            self.arena_bytes = affordable_on_node(arena_bytes, nodes[0])
            syscalls.bind_memory(nodes[0])

    def settle(self) -> None:
        """Have dirty data written back, since a dirty large folio can end the compaction of its zone.

        It finds no free target of its order and cannot be split while it is dirty; then migrate_pages()
        says -ENOMEM, and compact_zone() gives up (mm/compaction.c, COMPACT_CONTENDED). Measured on 6.18 with
        200 MiB freshly written to ext4: pgmigrate_fail + 289 against + 34 after sync(2), each in 8 runs of 8.
        Waited for only so long: sync(2) may be stuck on something that is none of our business.
        """
        writer = start("unmig-sync", os.sync, [])
        if not writer.wait(_SYNC_SECONDS):
            self.nr_syncs_unfinished += 1
            writer.end(0.1)

    def stage(self, nr_pages: int) -> None:
        self._renew()
        self.steer(nr_pages)

    def steer(self, nr_pages: int) -> Set[int]:
        """Have this CPU's next page faults use low frames of the arena; returns these frames."""
        assert self.arena is not None
        return self.arena.steer(nr_pages)

    def fits(self, frames: Sequence[int]) -> bool:
        return self._has_above(frames, _GOOD_SHARE)

    def arm(self, frames: Sequence[int]) -> None:
        if not self._has_above(frames, _POOR_SHARE):
            self._renew()
        assert self.arena is not None
        self.nr_targets.append(self.arena.punch(frames))

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        return self.child.ask({"mover": self.name}, seconds, check)

    def facts(self) -> Dict[str, Any]:
        unfinished = {"nr_syncs_unfinished": self.nr_syncs_unfinished} if self.nr_syncs_unfinished else {}
        return {
            **unfinished,
            "arena_mib": self.arena_bytes >> 20,
            "nr_free_targets_per_try": " ".join(str(number) for number in self.nr_targets),
        }

    def close(self) -> None:
        self._drop_arena()

    def _drop_arena(self) -> None:
        if self.arena is not None:
            self.arena.close()
            self.arena = None

    def _has_above(self, frames: Sequence[int], share: float) -> bool:
        return self.arena is not None and bool(frames) and self.arena.nr_above(frames) >= share * self.arena.nr_pages

    def _renew(self) -> None:
        self._drop_arena()
        self.arena = Arena(self.arena_bytes)


class MovePages(Mover):
    """move_pages(2) to the other of two nodes: addressed, and repeatable both ways."""

    name = "move_pages"
    brings_back = True

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        self.each_alone = False  # a request for each page, in place of one for all
        self.nodes = memory_nodes()
        if len(self.nodes) < 2:
            raise CannotRun("move_pages needs two nodes with memory; this machine has %d" % len(self.nodes))

    def stage(self, nr_pages: int) -> None:
        syscalls.bind_memory(self.nodes[0])

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        here = syscalls.nodes_of(addresses[-1:])[0]
        there = self.nodes[1] if here == self.nodes[0] else self.nodes[0]
        requests = [[address] for address in addresses] if self.each_alone else [list(addresses)]
        order = {"mover": self.name, "pid": os.getpid(), "requests": requests, "node": there}
        return self.child.ask(order, seconds, check)
