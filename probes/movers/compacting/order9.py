"""Compaction, and what it is for: can an order-9 allocation be had where the pages of the target lay?

Each page of control and target has a pageblock of ZONE_MOVABLE for itself (movers_spread). After an attempt a second
process asks hugetlb for all the 2 MiB pages that the node has, which compacts once more where the free lists end; of
the pageblocks of control and target it is looked up which became huge pages. They are given back at once. For
throw-away guests only, of two nodes: for a moment nothing is left to anybody on this one (with a single node,
processes were killed for want of memory).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.nodes import memory_nodes
from probes.movers.arena import Arena, affordable_on_node
from probes.movers.attempts import HUGE, Attempt, MoverChild
from probes.movers.compacting.spread_holds import MOST_TARGETS, SpreadCompaction
from probes.movers.guest import movable_zone
from probes.movers.usual import NR_PAGES, Operation

_TAKING_SECONDS = 8.0  # of a hold: after it the rest is counted as not to be had
_GIVING_BACK_SECONDS = 20.0
_HUGE_BYTES = 2 << 20


@dataclass(frozen=True)
class Taken:
    """What could be had: of the pageblocks of control and target, and in all.

    `nr_total` is None where the taker was still at it: on 6.12.95 the pool's number grows at the end.
    """

    nr_control: int
    nr_target: int
    nr_total: Optional[int]


class Order9Compaction(SpreadCompaction):
    def __init__(self, child: MoverChild, arena_bytes: int) -> None:
        super().__init__(child, arena_bytes)
        self.node, _ = movable_zone()
        self.arena_bytes = affordable_on_node(arena_bytes, self.node)
        if len(memory_nodes()) < 2:
            raise CannotRun("order-9 allocations are counted on one of two nodes; this machine has one")
        if not os.path.exists(HUGE % self.node):
            raise CannotRun("this kernel has no %s (CONFIG_HUGETLBFS)" % (HUGE % self.node))
        if self._nr_huge():
            raise CannotRun("there are huge pages already: %s is not 0" % (HUGE % self.node))
        self.taker = MoverChild(_other_cpus())
        self.before: Optional[Taken] = None
        self.taken: List[Taken] = []

    def stage(self, nr_pages: int) -> None:
        if self.before is None:
            self.before = self._rehearse()
        syscalls.bind_memory(self.node)
        super().stage(nr_pages)

    def steer(self, nr_pages: int) -> Set[int]:
        syscalls.bind_memory(self.node)
        return super().steer(nr_pages)

    def arm(self, frames: Sequence[int]) -> None:
        """Later on the targets are made anew: what took the huge pages has moved the arena's pages together."""
        if self.is_staged:
            assert self.arena is not None
            self.nr_targets.append(self.arena.punch(frames, most=MOST_TARGETS))
        super().arm(frames)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        return super().attempt(addresses, max(0.5, seconds - _TAKING_SECONDS), check)

    def conclude(self) -> None:
        self.give_back()
        self.taken.append(self._take(self.control, self.target))
        self.give_back(0.0)

    def operation(self) -> Optional[Operation]:
        name = "order-9 allocations in half or more of the target's %d pageblocks" % (len(self.target) or NR_PAGES)
        return Operation(name, got(self.before), got(self.taken[-1] if self.taken else None))

    def facts(self) -> Dict[str, Any]:
        told = super().facts()
        looks = zip(("before", "while_held", "after_release"), (self.before, *self.taken[:1], *self.taken[1:][-1:]))
        for when, taken in looks:
            if taken is not None:
                told["nr_control_blocks_had_" + when] = taken.nr_control
                told["nr_target_blocks_had_" + when] = taken.nr_target
                if taken.nr_total is not None:
                    told["nr_order9_had_" + when] = taken.nr_total
                else:
                    told["order9_unfinished_" + when] = True
        return told

    def close(self) -> None:
        try:
            self.give_back()
        finally:
            self.taker.close()
            super().close()
            syscalls.bind_memory(None)

    def give_back(self, seconds: float = _GIVING_BACK_SECONDS) -> None:
        """Free the huge pages, unless the taker is still at it: the pool's lock is with it (hugetlb, resize_lock)."""
        if self.taker.busy and self.taker.wait(seconds, lambda: None) is None:
            if seconds:
                raise Disturbed("huge pages were still being asked for %g s after the release" % seconds)
            return
        if self._nr_huge():
            with open(HUGE % self.node, "w", encoding="ascii") as pool:
                pool.write("0")

    def _rehearse(self) -> Taken:
        """The same with nothing held, on pages of the arena's own."""
        syscalls.bind_memory(self.node)
        self._renew()
        assert self.arena is not None
        frames = self.arena.own_blocks(2 * NR_PAGES)
        self.arena.clear_blocks(frames, but=frames)
        self.arena.punch(frames, most=MOST_TARGETS)
        self.child.ask({"mover": self.name}, _GIVING_BACK_SECONDS, lambda: None)
        blocks = [frame // self.arena.block_pages for frame in frames]
        taken = self._take(blocks[:NR_PAGES], blocks[NR_PAGES:])
        self.give_back()
        return taken

    def _take(self, control: Sequence[int], target: Sequence[int]) -> Taken:
        assert self.arena is not None
        syscalls.bind_memory(None)  # this process has to live on the other node meanwhile
        order = {"mover": "order9", "node": self.node, "nr": os.sysconf("SC_PHYS_PAGES") * syscalls.PAGE // _HUGE_BYTES}
        came_back = self.taker.ask(order, _TAKING_SECONDS, lambda: None).returned
        made = [sum(_is_huge(block, self.arena) for block in blocks) for blocks in (control, target)]
        return Taken(made[0], made[1], self._nr_huge() if came_back else None)

    def _nr_huge(self) -> int:
        with open(HUGE % self.node, encoding="ascii") as pool:
            return int(pool.read())


def got(taken: Optional[Taken]) -> Optional[bool]:
    """Was it there for the target? Not known where it was not even there for the control, which nobody held."""
    if taken is None:
        return None
    if 2 * taken.nr_target >= NR_PAGES:
        return True
    return False if 2 * taken.nr_control >= NR_PAGES else None


def _is_huge(block: int, arena: Arena) -> bool:
    start = block * arena.block_pages
    first, last = pages.flag_bits([start, start + arena.block_pages - 1])
    return bool(first & last & 1 << pages.FLAGS["HUGE"])


def _other_cpus() -> "set[int]":
    return set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
