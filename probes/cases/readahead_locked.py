"""A FUSE server that does not answer FUSE_READ keeps the folios of a readahead locked and not up to date.

They are mapped nowhere, so move_pages(2) cannot name them; compaction meets them by frame, and sleeps
in folio_lock() (mm/migrate.c, migrate_folio_unmap).
"""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Optional

from probes.errors import Disturbed
from probes.kernel import pages, syscalls, zones
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, POOL_PAGES, STAGED_PAGES, Case, Experiment, Surroundings, chosen, span
from probes.servers.fuse import hold, protocol
from probes.servers.fuse.hold import FuseHold

FILE_PAGES = POOL_PAGES + NR_PAGES
_FILE = protocol.File(FILE_PAGES * PAGE, writeback_cache=False, max_readahead_bytes=NR_PAGES * PAGE)
START, SIZE = POOL_PAGES * PAGE, NR_PAGES * PAGE  # what is read ahead
_TRIES = 4


class ReadaheadLocked(Experiment):
    fuse: FuseHold
    what = protocol.READ  # the request that is not answered

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fd = -1
        self.address = 0
        self.held: List[int] = []

    def start(self) -> None:
        self.fuse = hold.begin(_FILE, self.surroundings.hold_seconds, self.surroundings.cpus)
        self.fuse.minds_no_abort = True

    def prepare(self, mover: Mover) -> None:
        """The first part of the file is for the control: read, mapped, never held."""
        self._unmap()
        self.fd = self.fuse.open(os.O_RDONLY)
        self.address = syscalls.map_pages(FILE_PAGES, syscalls.PROT_READ, self.fd)
        syscalls.advise(self.address, FILE_PAGES, syscalls.MADV_RANDOM)
        os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        mover.stage(STAGED_PAGES)
        syscalls.touch(self.address, POOL_PAGES)
        self.control, _ = chosen(span(self.address, POOL_PAGES), sleeps=True)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        for attempt in range(1, _TRIES + 1):
            self.fuse.withhold(self.what)
            staged = mover.steer(2 * NR_PAGES)
            self.read_ahead()
            withheld = self.fuse.wait_withheld(2.0)
            self.held = pages.being_filled(sorted(staged))
            if not self.held and attempt == _TRIES and mover.operation() is not None:
                self.held = _anywhere()
            least = NR_PAGES if attempt < _TRIES else NR_PAGES // 2
            if withheld and len(self.held) >= least:
                return {
                    "nr_requests_withheld": withheld,
                    "nr_readaheads": attempt,
                    "nr_pages_locked": len(self.held),
                    "held_folio_flags": " ".join(pages.flag_names(self.held[-1])),
                }
            # The readahead took its pages from elsewhere: forget them, and try with other frames.
            self.fuse.release()
            os.pread(self.fd, SIZE, START)
            os.posix_fadvise(self.fd, START, SIZE, os.POSIX_FADV_DONTNEED)
        raise Disturbed("the folios of the readahead were not found on the frames staged for them")

    def read_ahead(self) -> None:
        """Asynchronous on purpose: it starts the readahead and does not wait for it."""
        os.posix_fadvise(self.fd, START, SIZE, os.POSIX_FADV_WILLNEED)

    def check(self) -> None:
        self.fuse.check()

    def facts(self) -> Dict[str, Any]:
        return self.fuse.facts()

    def frames(self) -> List[Optional[int]]:
        return list(self.held)

    def moved_while_held(self, before: List[Optional[int]]) -> int:
        """A frame that is no longer locked, while the server still sits on the request, has lost its folio."""
        self.fuse.check()
        if self.fuse.aborted:
            return self._left()
        return len(self.held) - len(pages.being_filled(self.held))

    def _left(self) -> int:
        """Frames that are no page of a file any more. Once the connection is over the folios are unlocked and without
        content, and can neither be read nor mapped, so that nothing else tells where they are."""
        seen = 1 << pages.FLAGS["LRU"] | 1 << pages.FLAGS["LOCKED"]
        return sum(1 for bits in pages.flag_bits(self.held) if not bits & seen)

    def release(self) -> None:
        self.fuse.release()
        if self.fuse.aborted:
            return
        # pread() first: touching a mapping whose page cannot be read would be SIGBUS.
        os.pread(self.fd, SIZE, START)
        self.target = span(self.address + START, NR_PAGES)
        syscalls.touch(self.target[0], NR_PAGES)

    def moved_after_release(self, before: List[Optional[int]]) -> int:
        """Frames of the hold that the file's pages are no longer on."""
        if self.fuse.aborted:
            return self._left()
        now = self._settled()
        return sum(1 for frame in self.held if frame not in now)

    def _settled(self) -> List[Optional[int]]:
        """Where the pages are, as soon as all are mapped: one in the middle of a migration is not."""
        for _ in range(100):
            syscalls.touch(self.target[0], NR_PAGES)
            found = pages.frames_of(self.target)
            if None not in found:
                return found
            time.sleep(0.01)
        raise Disturbed("the pages did not come to rest after the release")

    def close(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.close()
        self._unmap()

    def _unmap(self) -> None:
        if self.fd >= 0:
            syscalls.unmap_pages(self.address, FILE_PAGES)
            hold.close_file(self.fd)
            self.fd = -1


def _anywhere() -> List[int]:
    """All that somebody has to supply in this machine, a guest that reads nothing else. Where a kernel keeps such
    folios out of the area that the mover works on, they are elsewhere."""
    return sorted({frame for zone in zones.read() for frame in pages.being_filled(range(zone.start, zone.end))})


CASE = Case(
    slug="readahead-locked",
    title="Folio locked in readahead until the server supplies the content",
    hold_class="page lock",
    needs_root="to see page frame numbers and flags, to mount privately, and to end the connection from outside",
    devices=("/dev/fuse",),
    movers=("compaction",),
    will_do="mount a file of 80 pages in a private mount namespace, start a readahead of 16 of them, withhold the "
    "answer to FUSE_READ, and have memory compacted meanwhile",
    side_effects="whoever migrates or compacts memory meanwhile may sleep in D until the release",
    cleans_up="answers, then ends the connection; a watcher and the server's own clock do it where the probe cannot",
    experiment=ReadaheadLocked,
    needs_namespace=True,
)
