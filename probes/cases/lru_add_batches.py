"""Pages that were touched a moment ago: in a batch of their CPU, with a reference more, and not on the LRU yet.

Nothing can isolate such a folio before the batch is full or drained (mm/swap.c, folio_add_lru; mm/folio.c in
7.3). A contrast: most movers drain the batches of all CPUs first (lru_add_drain_all in compact_nodes,
lru_cache_disable in the others). kcompactd and direct compaction do not.

The pages are touched on another CPU than the rest of the run: what is done between the hold and the attempt
would drain the batch of this one.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, List, Optional, Tuple

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.movers.guest import Cma
from probes.movers.usual import Compaction, MovePages, Mover
from probes.run.experiment import NR_PAGES, POOL_PAGES, STAGED_PAGES, Case, Surroundings, span
from probes.run.pool import AnonymousPool

# A batch takes 15 or 31 (PAGEVEC_SIZE); a full one is put on the LRU.
_NR_PAGES = 8
_NR_STAGED = 32
_NR_TO_FILL_UP = 64
_NR_BEFORE = 2048
_TRIES = 10
_TOUCH_SECONDS = 10.0


class LruAddBatches(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fresh: List[Tuple[int, int]] = []  # address and number of pages of what was touched
        self.last = 0  # address of the pages touched last
        self.failed = ""
        self.thread: Optional[threading.Thread] = None
        self.touched, self.done = threading.Event(), threading.Event()

    def start(self) -> None:
        if not self.surroundings.cpus:
            raise CannotRun("it needs a second CPU")

    def prepare(self, mover: Mover) -> None:
        """Control only. The target is touched in `hold`: it is in the batch from then on."""
        super().prepare(mover)
        self.target = []

    def hold(self, mover: Mover) -> Dict[str, Any]:
        if isinstance(mover, MovePages):
            # The baseline took it to the other node, where the target will be moved to: there it could not move again.
            syscalls.move_pages(0, self.control, mover.nodes[0])
        for number in range(1, _TRIES + 1):
            self._let_go()
            self.touched, self.done = threading.Event(), threading.Event()
            self.thread = threading.Thread(target=self._touch, args=(mover, self.touched, self.done), daemon=True)
            self.thread.start()
            if not self.touched.wait(_TOUCH_SECONDS) or self.failed:
                raise Disturbed("the pages could not be touched on another CPU: %s" % (self.failed or "no time"))
            self.target = span(self.last, _NR_PAGES)
            frames, told = [frame for frame in self.frames() if frame is not None], self.shown()
            # Seen before anything else is done: others may fill the batch up on that CPU at any moment.
            nr_off = self._nr_off_the_lru(frames)
            if nr_off == _NR_PAGES and self._lies_well(mover, frames):
                return {"nr_pages_not_on_lru": nr_off, "nr_times_touched": number, **told}
        raise Disturbed("in %d tries the pages were not in a batch, or lay where the mover does not reach" % _TRIES)

    def _lies_well(self, mover: Mover, frames: List[int]) -> bool:
        """Are they where this mover works? The control does not tell: it is from another CPU's lists."""
        return self._control_above(mover, max(frames)) if isinstance(mover, Compaction) else mover.fits(frames)

    def _control_above(self, mover: Mover, frame: int) -> bool:
        """Take the control from above the target: compaction goes upwards, so where it has moved, it came by.

        The lowest frames of this CPU and of the other can be far apart; with the control below, the scanners
        had met in between in 2 runs of 5, and the target looked as if it had refused.
        """
        self.forget()
        mover.steer(STAGED_PAGES)
        self.allocate()
        frames = dict(zip(span(self.address, POOL_PAGES), pages.frames_from(self.address, POOL_PAGES)))
        above = [address for address, found in frames.items() if found is not None and found > frame]
        self.control = sorted(above, key=lambda address: frames[address] or 0)[:NR_PAGES]
        return len(self.control) == NR_PAGES

    def _touch(self, mover: Mover, touched: threading.Event, done: threading.Event) -> None:
        """Stays until it is let go: a thread that ends may drain the batch of its CPU. At last it fills the batch up,
        which puts on the LRU whatever no mover has drained."""
        try:
            os.sched_setaffinity(0, {min(self.surroundings.cpus)})  # of this thread alone
            self.last = self._map(_NR_PAGES)
            if isinstance(mover, Cma):
                syscalls.fill(
                    self._map(_NR_BEFORE), _NR_BEFORE
                )  # what this CPU still had at hand, from outside the area
            if isinstance(mover, Compaction):
                mover.steer(_NR_STAGED)
            syscalls.fill(self.last, _NR_PAGES)
        except Exception as error:
            self.failed = str(error)
        touched.set()
        done.wait()
        syscalls.fill(self._map(_NR_TO_FILL_UP), _NR_TO_FILL_UP)

    def _map(self, nr_pages: int) -> int:
        address = syscalls.map_pages(nr_pages)
        self.fresh.append((address, nr_pages))
        syscalls.advise(address, nr_pages, syscalls.MADV_NOHUGEPAGE)
        return address

    def _let_go(self) -> None:
        if self.thread is not None:
            self.done.set()
            self.thread.join(_TOUCH_SECONDS)
            self.thread = None

    def _nr_off_the_lru(self, frames: List[int]) -> int:
        bit = 1 << pages.FLAGS["LRU"]
        return sum(1 for flags in pages.flag_bits(frames) if not flags & bit)

    def release(self) -> None:
        """A mover that drains the batches has released them itself, and time does too."""
        self._let_go()

    def close(self) -> None:
        self._let_go()
        for address, nr_pages in self.fresh:
            syscalls.unmap_pages(address, nr_pages)
        self.fresh = []


CASE = Case(
    slug="lru-add-batches",
    title="Page in a per-CPU batch, not on the LRU yet",
    hold_class="batch",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="touch 8 new pages on another CPU, see that they are not on the LRU, and have them migrated at once",
    side_effects="none for others, but that memory is compacted",
    cleans_up="unmaps the pages; they end with the process",
    experiment=LruAddBatches,
)
