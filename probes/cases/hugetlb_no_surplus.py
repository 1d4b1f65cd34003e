"""Huge pages in use, and no memory on the other node of which one more could be made.

A huge page moves whole, so its target is a huge page: a free one of the pool, else one that is made for the
occasion out of a free block of its order (mm/hugetlb.c, alloc_hugetlb_folio_nodemask, alloc_migrate_hugetlb_folio).
The latter is temporary and counts against no limit of the pool. Where no such block is free, the migration fails.

The pages are taken beside the pool, which has none to spare, and vm.nr_overcommit_hugepages is back at what it was
before anything is migrated. So the baseline shows that the limits do not matter, and the hold that the memory does.
The hold is huge pages of our own: as many as the other node has blocks for. Single pages, the control, find room there.
"""

from __future__ import annotations

from typing import Any, Dict, List

from probes.children import hugepages
from probes.children.hugepages import HugePages
from probes.errors import CannotRun, Disturbed
from probes.kernel import syscalls
from probes.movers.usual import MovePages, Mover
from probes.run.experiment import POOL_PAGES, Case, Surroundings
from probes.run.pool import AnonymousPool

_NR_TARGET = 4
_MOST_FILLING = 1 << 16
_NR_ROOM = 256
_POOL = "/sys/kernel/mm/hugepages/hugepages-%dkB/free_hugepages"


class HugetlbNoSurplus(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.pages, self.filling = HugePages(), HugePages()
        self.nodes: List[int] = []

    def start(self) -> None:
        free = _free_in_pool()
        if free:
            raise CannotRun("the pool has %d free huge pages, to which ours could move" % free)

    def prepare(self, mover: Mover) -> None:
        assert isinstance(mover, MovePages)
        mover.each_alone = True  # the first huge page that fails ends a request, and the control is not tried then
        self.pages.give_back()
        super().prepare(mover)
        self.nodes = mover.nodes
        # A memory policy keeps NUMA balancing away from them. Without, it marks them while huge pages are taken, and to
        # move_pages(2) of 6.1 a marked page is not there: ENOENT for each page of the control, 5 runs of 5.
        syscalls.bind_range(self.address, POOL_PAGES * syscalls.PAGE, self.nodes[0])
        with hugepages.allowed(_NR_TARGET):
            if self.pages.take(_NR_TARGET, mover.nodes[0]) < _NR_TARGET:
                raise CannotRun("no %d huge pages to be had on node %d" % (_NR_TARGET, mover.nodes[0]))
        self.target = list(self.pages.addresses)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        syscalls.bind_memory(None)  # or we could be killed for want of memory on a node that is full
        here = syscalls.nodes_of(self.target[-1:])[0]
        there = self.nodes[1] if here == self.nodes[0] else self.nodes[0]
        with hugepages.allowed(_MOST_FILLING):
            taken = self._fill(there)
        if not taken:
            raise Disturbed("no huge page could be taken on node %d" % there)
        return {
            "huge_page_kib": self.pages.page_bytes >> 10,
            "nr_huge_pages_taken_on_other_node": taken,
            "nr_free_huge_pages_in_pool": _free_in_pool(),
            "vm.nr_overcommit_hugepages": hugepages.allowance(),
            **self.shown(),
        }

    def _fill(self, node: int) -> int:
        """Take all, but leave the control some room: too little for one more, which is tried."""
        room = syscalls.map_pages(_NR_ROOM)
        syscalls.advise(room, _NR_ROOM, syscalls.MADV_NOHUGEPAGE)
        syscalls.bind_range(room, _NR_ROOM * syscalls.PAGE, node)
        syscalls.fill(room, _NR_ROOM)
        self.filling.take(_MOST_FILLING, node)
        syscalls.unmap_pages(room, _NR_ROOM)
        return self.filling.take(_MOST_FILLING, node)

    def release(self) -> None:
        self.filling.give_back()

    def close(self) -> None:
        self.filling.give_back()
        self.pages.give_back()


def _free_in_pool() -> int:
    with open(_POOL % (hugepages.size_bytes() >> 10), encoding="ascii") as free:
        return int(free.read())


CASE = Case(
    slug="hugetlb-no-surplus",
    title="Huge page in use, and no other to move it to",
    hold_class="no target",
    needs_root="to see page frame numbers, and to take huge pages beside the pool",
    devices=(),
    movers=("move_pages",),
    will_do="take 4 huge pages, then all the huge pages that the other node has memory for, and have the 4 moved there",
    side_effects="the other node has no free memory in large pieces until the release",
    cleans_up="gives the huge pages back; they end with the process. vm.nr_overcommit_hugepages is raised for moments "
    "only, and put back by a process of its own",
    experiment=HugetlbNoSurplus,
    why_privileged="vm.nr_overcommit_hugepages has to be raised",
    guests_only="it takes all the memory of a node that comes in large pieces",
)
