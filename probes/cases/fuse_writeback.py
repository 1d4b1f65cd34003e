"""A FUSE server that does not answer FUSE_WRITE keeps page-cache folios under writeback.

Since 0c58a97f919c the folio itself stays under writeback until the answer (fs/fuse/file.c); before, a
temporary copy did (NR_WRITEBACK_TEMP), and the folio could move.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from probes.errors import Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import POOL_PAGES, STAGED_PAGES, Case, Experiment, Surroundings, chosen, span
from probes.servers.fuse import hold, protocol
from probes.servers.fuse.hold import FuseHold

_FILE = protocol.File(POOL_PAGES * PAGE, writeback_cache=True, max_readahead_bytes=1 << 17)


class FuseWriteback(Experiment):
    fuse: FuseHold

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fd = -1
        self.address = 0

    def start(self) -> None:
        self.fuse = hold.begin(_FILE, self.surroundings.hold_seconds, self.surroundings.cpus)
        self.fuse.minds_no_abort = True  # writeback ends with an error, and the pages are ours as before

    def prepare(self, mover: Mover) -> None:
        self._forget_pages()
        self.fd = self.fuse.open(os.O_RDWR)
        self.address = syscalls.map_pages(POOL_PAGES, fd=self.fd)
        syscalls.advise(self.address, POOL_PAGES, syscalls.MADV_RANDOM)  # single pages, no readahead
        mover.stage(STAGED_PAGES)
        syscalls.touch(self.address, POOL_PAGES)
        self.control, self.target = chosen(span(self.address, POOL_PAGES), sleeps=True)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        # Dirty first, hold second: up to 6.12 a page dirtied while an earlier write of it is withheld
        # blocks us in fuse_page_mkwrite(). So nothing is withheld while we write.
        for _ in range(10):
            for address in self.target:
                syscalls.fill(address, 1)
            self.fuse.withhold(protocol.WRITE)
            syscalls.write_range(self.fd, 0, _FILE.size_bytes)
            withheld = self.fuse.wait_withheld(0.5)
            if withheld:
                return {"nr_requests_withheld": withheld, **self._shown()}
            self.fuse.release()  # the flusher was faster
        raise Disturbed("no FUSE_WRITE came")

    def _shown(self) -> Dict[str, Any]:
        frames = [frame for frame in self.frames() if frame is not None]
        bit = 1 << pages.FLAGS["WRITEBACK"]
        return {
            "nr_pages_under_writeback": sum(1 for bits in pages.flag_bits(frames) if bits & bit),
            "held_folio_flags": " ".join(pages.flag_names(frames[-1])) if frames else "not mapped",
        }

    def check(self) -> None:
        self.fuse.check()

    def facts(self) -> Dict[str, Any]:
        return self.fuse.facts()

    def release(self) -> None:
        self.fuse.release()

    def close(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.close()
        self._unmap()

    def _forget_pages(self) -> None:
        """Drop the pages of an earlier try from the page cache, so that they are allocated anew."""
        if self.fd >= 0:
            syscalls.unmap_pages(self.address, POOL_PAGES)
            os.posix_fadvise(self.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(self.fd)
            self.fd = -1

    def _unmap(self) -> None:
        if self.fd >= 0:
            syscalls.unmap_pages(self.address, POOL_PAGES)
            hold.close_file(self.fd)
            self.fd = -1


CASE = Case(
    slug="fuse-writeback",
    title="FUSE folio under writeback until the server answers",
    hold_class="writeback",
    needs_root="to see page frame numbers, to mount privately, and to end the connection from outside",
    devices=("/dev/fuse",),
    movers=("move_pages", "compaction"),
    will_do="mount a file of 64 pages in a private mount namespace, write to 16 of them, withhold the answer to "
    "FUSE_WRITE, and have the pages migrated meanwhile",
    side_effects="whoever migrates or compacts memory meanwhile may sleep in D until the release; sync(2) may wait too",
    cleans_up="answers, then ends the connection; a watcher and the server's own clock do it where the probe cannot",
    experiment=FuseWriteback,
    needs_namespace=True,
)
