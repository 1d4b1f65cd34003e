"""Tiers of memory, and whether reclaim demotes from one to the next (mm/memory-tiers.c, 6.1 to 7.3)."""

from __future__ import annotations

import os
from typing import List, Set, Tuple

from probes.errors import CannotRun
from probes.kernel.nodes import parse_list

_TIERS = "/sys/devices/virtual/memory_tiering"
DEMOTION_ENABLED = "/sys/kernel/mm/numa/demotion_enabled"


def tiers() -> List[List[int]]:
    """The nodes of each tier, fastest first: a tier's number grows with its distance (mm/memory-tiers.c,
    find_create_memory_tier)."""
    found = []
    for name in os.listdir(_TIERS) if os.path.isdir(_TIERS) else []:
        if name.startswith("memory_tier") and name[len("memory_tier") :].isdigit():
            with open("%s/%s/nodelist" % (_TIERS, name), encoding="ascii") as listing:
                found.append((int(name[len("memory_tier") :]), parse_list(listing.read().strip())))
    return [nodes for _, nodes in sorted(found)]


def upper_and_lower() -> Tuple[int, Set[int]]:
    """A node of the fastest tier, and all of the slower ones: the kernel demotes to any of them (mm/vmscan.c,
    alloc_migrate_folio; mm/memory-tiers.c, next_demotion_node: of several it picks one at random). Raises CannotRun
    where there are not two."""
    found = [nodes for nodes in tiers() if nodes]
    if len(found) < 2:
        raise CannotRun("all memory of this machine is in one tier, so nothing can be demoted")
    if not os.path.exists(DEMOTION_ENABLED):
        raise CannotRun("this kernel has no %s" % DEMOTION_ENABLED)
    return found[0][0], {node for nodes in found[1:] for node in nodes}
