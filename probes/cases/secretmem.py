"""memfd_secret(2) memory: its migrate_folio refuses always, but it was never allocated as movable.

The pages are taken out of the kernel's direct map, so nothing can copy them (mm/secretmem.c,
secretmem_migrate_folio). The mapping's allocations are not __GFP_MOVABLE (secretmem_file_create), so they
stay out of ZONE_MOVABLE and CMA, and come from unmovable pageblocks.
"""

from __future__ import annotations

import os
from typing import Any, Dict, List, Set

from probes.errors import CannotRun
from probes.kernel import syscalls, zones
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Compaction, Mover
from probes.run.experiment import NR_PAGES, STAGED_PAGES, Case, Surroundings, span
from probes.run.pool import AnonymousPool


class Secretmem(AnonymousPool):
    releases = False  # but where an operation as a whole can be tried again with the memory given back

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.secret = 0
        self.nr_on_staged = 0

    def prepare(self, mover: Mover) -> None:
        """Control in anonymous memory. The target is allocated in `hold`: there is no time before it is held."""
        super().prepare(mover)
        self.target = []

    def hold(self, mover: Mover) -> Dict[str, Any]:
        try:
            fd = syscalls.memfd_secret()
        except OSError as error:
            raise CannotRun("memfd_secret: %s" % error.strerror) from None
        try:
            os.ftruncate(fd, NR_PAGES * PAGE)
            self.secret = syscalls.map_pages(NR_PAGES, fd=fd)
        finally:
            os.close(fd)
        # What is staged here lies on top of the free list that this CPU's movable allocations come from.
        staged: Set[int] = mover.steer(STAGED_PAGES) if isinstance(mover, Compaction) else set()
        syscalls.fill(self.secret, NR_PAGES)
        self.target = span(self.secret, NR_PAGES)
        self.releases = mover.operation() is not None
        found: List[int] = [frame for frame in self.frames() if frame is not None]
        told = self.shown()
        if staged:
            self.nr_on_staged = len(staged.intersection(found))
            told["nr_pages_on_movable_frames"] = self.nr_on_staged
        return told

    def in_movable_area(self) -> bool:
        """Outside ZONE_MOVABLE, and not taken from the movable free list although that was at hand."""
        frames = [frame for frame in self.frames() if frame is not None]
        return bool(self.nr_on_staged) or zones.area(frames, zones.read()) == "zone_movable"

    def release(self) -> None:
        """Nothing but freeing the memory ends it."""
        if self.releases:
            self._give_back()

    def close(self) -> None:
        self._give_back()

    def _give_back(self) -> None:
        if self.secret:
            syscalls.unmap_pages(self.secret, NR_PAGES)
            self.secret = 0


CASE = Case(
    slug="secretmem",
    title="memfd_secret(2) memory",
    hold_class="refusal",
    needs_root="to see page frame numbers and to start compaction; the memory itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="take 16 pages from memfd_secret(2), see where they are, and have them migrated",
    side_effects="none for others, but that memory is compacted; hibernation is off while such memory exists",
    cleans_up="unmaps the memory; it ends with the process",
    experiment=Secretmem,
)
