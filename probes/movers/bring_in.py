"""Memory that was not allocated for ZONE_MOVABLE and comes into it all the same: by a migration.

move_pages(2) allocates its targets with GFP_HIGHUSER_MOVABLE, whatever the page was allocated with (mm/migrate.c,
alloc_migration_target), and that takes ZONE_MOVABLE first. So do numactl, cpusets and NUMA balancing.
"""

from __future__ import annotations

from typing import List

from probes.kernel import syscalls
from probes.kernel.nodes import memory_nodes
from probes.movers.guest import Offline, SoftOffline
from probes.movers.usual import Mover
from probes.movers.virtio_mem import VirtioMem


def for_mover(mover: Mover, addresses: List[int]) -> None:
    """Have the pages come into the ZONE_MOVABLE that this mover works on, by way of another node; there and back."""
    if isinstance(mover, (Offline, SoftOffline, VirtioMem)):
        for node in [node for node in memory_nodes() if node != mover.node][:1] + [mover.node]:
            syscalls.move_pages(0, addresses, node)
