"""Shared memory under a FOLL_LONGTERM pin, taken through io_uring: the contrast to all that pins "for a moment".

The pin first moves a page out of ZONE_MOVABLE and CMA, and fails where it cannot. The same pin as in
`io_uring_fixed_buffers`, on page cache (a memfd) in place of anonymous memory: of files, only those
in memory may be pinned for long (mm/gup.c, gup_fast_folio_allowed, check_vma_flags).
"""

from __future__ import annotations

from probes.cases.io_uring_fixed_buffers import IoUringFixedBuffers
from probes.run.experiment import Case
from probes.run.pool import SharedPool


class GupLongterm(IoUringFixedBuffers, SharedPool):
    def close(self) -> None:
        self.buffers.close()
        SharedPool.close(self)


CASE = Case(
    slug="gup-longterm",
    title="Long-term pin of shared memory",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="pin 16 pages of a memfd of its own with FOLL_LONGTERM, as io_uring buffers, and have them migrated",
    side_effects="none for others, but that memory is compacted",
    cleans_up="unregisters and closes the ring and the memfd; all end with the process",
    experiment=GupLongterm,
    can_be_refused=True,
)
