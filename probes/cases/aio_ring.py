"""The ring of Linux AIO, while somebody fetches events from it into memory that is not there yet.

aio_migrate_folio() takes the ring's lock by trylock and says -EAGAIN where it is taken. io_getevents(2) holds that
lock while it copies events to user memory (fs/aio.c, aio_read_events_ring), and the copy may fault. So the lock is
held for as long as the fault takes, which is up to whoever supplies the page: here a userfaultfd of our own. With
FUSE behind the page any user can do the same, but then the page that is waited for is locked, a hold of its own.

The ring is not allocated as movable (aio_setup_ring: GFP_USER, earlier GFP_HIGHUSER). A migration puts it on memory
that is: move_pages(2) to a node with ZONE_MOVABLE, and compaction. Where nothing has moved it before, it is not there.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import facts, pages, syscalls, zones
from probes.kernel.aio import Ring
from probes.kernel.userfault import WithheldPage
from probes.movers import bring_in
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings, span
from probes.run.pool import AnonymousPool

_TOUCH_SECONDS = 2.0
_END_SECONDS = 5.0


class AioRing(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.ring, self.page = Ring(), WithheldPage()
        self.allocated: List[Optional[int]] = []
        self.fetcher: Optional[threading.Thread] = None
        self.nr_fetched = -1

    def start(self) -> None:
        try:
            self.page.open()
        except CannotRun as error:
            self.refuse(error)

    def prepare(self, mover: Mover) -> None:
        """Control in anonymous memory."""
        self.ring.close()
        super().prepare(mover)
        self.ring.open(NR_PAGES)
        self.target = span(self.ring.address, NR_PAGES)
        self.allocated = self.frames()
        bring_in.for_mover(mover, self.target)

    def frames(self) -> List[Optional[int]]:
        syscalls.touch(self.ring.address, NR_PAGES)  # one that was just migrated may be unmapped
        return pages.frames_of(self.target)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        if self.refused:
            return {"nr_pages_migrated_before": pages.moved(self.allocated, self.frames()), **self.shown()}
        self.ring.finish_one()
        self.fetcher = threading.Thread(target=self._fetch, daemon=True)
        self.fetcher.start()
        if not self.page.wait_touched(_TOUCH_SECONDS):
            raise Disturbed("io_getevents did not come to the page that is withheld")
        return {"nr_pages_migrated_before": pages.moved(self.allocated, self.frames()), **self.shown()}

    def _fetch(self) -> None:
        """In a thread: it sleeps in the fault, with the ring's lock held."""
        try:
            self.nr_fetched = self.ring.fetch_into(self.page.address)
        except OSError:
            self.nr_fetched = -1

    def in_movable_area(self) -> bool:
        """Where a migration put it, memory was allocated as movable (alloc_migration_target, compaction_alloc)."""
        now = self.frames()
        known = [frame for frame in now if frame is not None]
        return 2 * pages.moved(self.allocated, now) >= len(now) or zones.area(known, zones.read()) == "zone_movable"

    def release(self) -> None:
        if self.refused:
            return
        self.page.supply()
        self._wait_for_fetcher()
        if self.nr_fetched != 1:
            raise Disturbed("io_getevents ended with %d events" % self.nr_fetched)

    def close(self) -> None:
        self.page.close()  # lets go whoever waits for it
        self._wait_for_fetcher()
        self.ring.close()

    def _wait_for_fetcher(self) -> None:
        if self.fetcher is not None:
            self.fetcher.join(_END_SECONDS)
            if self.fetcher.is_alive():
                raise Disturbed("io_getevents did not end within %g s" % _END_SECONDS)
            self.fetcher = None


def _why_privileged() -> str:
    found = facts.sysctl("vm.unprivileged_userfaultfd")
    return "" if found and found[0] == 1 else "userfaultfd stops a fault inside the kernel for CAP_SYS_PTRACE only"


CASE = Case(
    slug="aio-ring",
    title="Ring of Linux AIO while events are fetched from it",
    hold_class="refusal",
    needs_root="to see page frame numbers and to withhold a page from the kernel by userfaultfd",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="make a ring of 16 pages, fetch an event from it to a page that is withheld by userfaultfd, and have the "
    "ring migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="supplies the page, and ends the ring; both end with the process",
    experiment=AioRing,
    why_privileged=_why_privileged(),
    can_be_refused=True,
)
