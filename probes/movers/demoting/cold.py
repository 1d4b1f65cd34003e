"""What the mover's process does to have pages demoted: it stays root, and is in no memory cgroup itself."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict

from probes.kernel import syscalls
from probes.kernel.tracing import reclaim, trace
from probes.movers.demoting import memcg
from probes.movers.demoting.tiers import DEMOTION_ENABLED

_NR_AGINGS = 2  # what was in the youngest generation can be evicted then
_BOTH, _PAGE_CACHE = 200, 0  # of swappiness


def demotion(order: Dict[str, Any]) -> Dict[str, Any]:
    """`what`: have a process join a group of its own, leave it, or have its group's cold pages demoted."""
    group = memcg.Group("unmigratable-%d" % order["pid"])
    if order["what"] == "join":
        return _join(group, order["pid"])
    if order["what"] == "leave":
        with contextlib.suppress(OSError):  # the guest is thrown away in any case
            group.dissolve(order["pid"])
        return {}
    return _demote(group, order)


def _join(group: memcg.Group, pid: int) -> Dict[str, Any]:
    """All that can be missing in a kernel is asked for here; why it cannot be is the answer then."""
    try:
        if not memcg.is_on():
            memcg.turn_on()
        with open(DEMOTION_ENABLED, "w", encoding="ascii") as enabled:
            enabled.write("1")
        group.make()
        group.join(pid)
    except OSError as error:
        return {"cannot": "%s: %s" % (error.filename or "memory cgroup", error.strerror)}
    return {}


def _demote(group: memcg.Group, order: Dict[str, Any]) -> Dict[str, Any]:
    """Make the pages cold, age the group's lists, and reclaim what is old: on the upper node alone, since clean page
    cache that has been demoted would be dropped by the same request where it is for all nodes (memory.reclaim)."""
    node = order["node"]
    nr_cold = _cool(order["pid"], order["addresses"])
    for _ in range(_NR_AGINGS):
        group.age(node)
    charged = group.nr_charged(order["frames"])
    for swappiness in (_PAGE_CACHE, _BOTH):
        trace.mark(reclaim.EVICTION)
        group.evict(node, swappiness)
    left = group.nr_on_lists(node)
    return {"nr_cold": nr_cold, "nr_charged": charged, "nr_left": left}


def _cool(pid: int, addresses: "list[int]") -> int:
    """MADV_COLD: they are old, and count as not used (mm/madvise.c, madvise_cold_or_pageout_pte_range). How many were.

    They are in a batch of this CPU then, which has a reference to each. The next call drains it before it does anything
    (madvise_cold), so that one is made for a page of our own.
    """
    pidfd = syscalls.pidfd_open(pid)
    try:
        done = 0
        for address in addresses:
            with contextlib.suppress(OSError):
                syscalls.advise_other(pidfd, address, syscalls.MADV_COLD)
                done += 1
    finally:
        os.close(pidfd)
    drain_this_cpu()
    return done


def drain_this_cpu() -> None:
    """Have what is in this CPU's batches put on the LRU."""
    address = syscalls.map_pages(1)
    try:
        syscalls.advise(address, 1, syscalls.MADV_COLD)
    finally:
        syscalls.unmap_pages(address, 1)
