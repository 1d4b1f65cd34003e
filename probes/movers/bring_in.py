"""Memory that was not allocated for ZONE_MOVABLE and comes into it all the same: by a migration.

move_pages(2) allocates its targets with GFP_HIGHUSER_MOVABLE, whatever the page was allocated with (mm/migrate.c,
alloc_migration_target), and that takes ZONE_MOVABLE first. So do numactl, cpusets and NUMA balancing.
"""

from __future__ import annotations

from typing import List

from probes.kernel import syscalls
from probes.kernel.nodes import memory_nodes
from probes.movers.demoting.demotion import Demotion
from probes.movers.guest import Offline, SoftOffline
from probes.movers.resizing.virtio_mem import VirtioMem
from probes.movers.usual import Mover


def for_mover(mover: Mover, addresses: List[int]) -> None:
    """Have the pages come into the area that this mover works on, by way of another node; there and back."""
    if isinstance(mover, (Offline, SoftOffline, Demotion, VirtioMem)):
        for node in [node for node in memory_nodes() if node != mover.node][:1] + [mover.node]:
            syscalls.move_pages(0, addresses, node)
