"""Anonymous pages registered as io_uring buffers: pinned with FOLL_LONGTERM for as long as the user likes.

A contrast: where ZONE_MOVABLE or CMA is, the registration moves the pages out of it, and the operation on
the area succeeds while they are pinned. Elsewhere there is nothing to leave, and compaction finds them stuck.
"""

from __future__ import annotations

from typing import Any, Dict

from probes.errors import CannotRun
from probes.kernel import pins
from probes.kernel.uring import RegisteredBuffers
from probes.movers.usual import Mover
from probes.run.experiment import Case, Surroundings
from probes.run.pool import AnonymousPool


class IoUringFixedBuffers(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.buffers = RegisteredBuffers()

    def start(self) -> None:
        try:
            self.buffers.open()
        except CannotRun as error:
            self.refuse(error)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        if self.refused:
            return self.shown()
        before = pins.existing()
        self.buffers.pin(self.target)
        return {**pins.since(before), **self.shown()}

    def release(self) -> None:
        """Unregister. The pages may come free a little later; the attempts after the release are repeated."""
        self.buffers.unpin()

    def close(self) -> None:
        self.buffers.close()


CASE = Case(
    slug="io-uring-fixed-buffers",
    title="Buffers registered with io_uring",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="register 16 anonymous pages as io_uring buffers, and have them migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="unregisters and closes the ring; both end with the process",
    experiment=IoUringFixedBuffers,
    can_be_refused=True,
)
