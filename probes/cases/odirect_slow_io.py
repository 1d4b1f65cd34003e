"""The buffer of an O_DIRECT read, pinned for as long as the read takes; here a FUSE server does not answer it.

Direct I/O counts as short, so the pages are not moved out of CMA or ZONE_MOVABLE before they are pinned
(lib/iov_iter.c, iov_iter_extract_pages: FOLL_PIN without FOLL_LONGTERM; plain references in older trees).

The pages are anonymous, neither locked nor under writeback, so a mover finds too high a count and goes on.
What sleeps is the reader alone: first so that a signal ends it, and in D once it has been killed, until the
server answers or the connection ends (fs/fuse/dev.c, request_wait_answer).
"""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import pins, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import AnonymousPool
from probes.servers.fuse import hold, protocol
from probes.servers.fuse.hold import FuseHold

_FILE = protocol.File(NR_PAGES * PAGE, writeback_cache=False, max_readahead_bytes=0)
_ANSWER_SECONDS = 5.0


class OdirectSlowIo(AnonymousPool):
    fuse: FuseHold

    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.fd = -1
        self.reader: Optional[threading.Thread] = None
        self.nr_read_bytes = -1

    def start(self) -> None:
        self.fuse = hold.begin(_FILE, self.surroundings.hold_seconds, self.surroundings.cpus)
        try:
            self.fd = self.fuse.open(os.O_RDONLY | os.O_DIRECT)
        except OSError as error:
            raise CannotRun("O_DIRECT on the FUSE file: %s" % error.strerror) from None

    def hold(self, mover: Mover) -> Dict[str, Any]:
        before = pins.existing()
        self.fuse.withhold(protocol.READ)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        withheld = self.fuse.wait_withheld(2.0)
        if not withheld:
            raise Disturbed("no FUSE_READ came")
        return {"nr_requests_withheld": withheld, **pins.since(before), **self.shown()}

    def _read(self) -> None:
        """In a thread: it sleeps until the server answers. One read into all of the target, a segment a page."""
        try:
            self.nr_read_bytes = syscalls.read_into(self.fd, self.target)
        except OSError:
            self.nr_read_bytes = -1

    def check(self) -> None:
        self.fuse.check()

    def release(self) -> None:
        self.fuse.release()
        self._wait_for_reader()
        if self.nr_read_bytes != NR_PAGES * PAGE:
            raise Disturbed("the read ended with %d bytes" % self.nr_read_bytes)

    def close(self) -> None:
        if hasattr(self, "fuse"):
            self.fuse.close()  # ends the connection, and with it the read
        self._wait_for_reader()
        if self.fd >= 0:
            hold.close_file(self.fd)
            self.fd = -1

    def _wait_for_reader(self) -> None:
        if self.reader is not None:
            self.reader.join(_ANSWER_SECONDS)
            if self.reader.is_alive():
                raise Disturbed("the read did not end within %g s" % _ANSWER_SECONDS)
            self.reader = None


CASE = Case(
    slug="odirect-slow-io",
    title="Buffer of a direct read that does not come back",
    hold_class="reference",
    needs_root="to see page frame numbers, to mount privately, and to end the connection from outside",
    devices=("/dev/fuse",),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="mount a file of 16 pages in a private mount namespace, read it with O_DIRECT into 16 anonymous pages, "
    "withhold the answer to FUSE_READ, and have the pages migrated meanwhile",
    side_effects="none for others, but that memory is compacted; the probe's own reader sleeps until the release",
    cleans_up="answers, then ends the connection; a watcher and the server's own clock do it where the probe cannot",
    experiment=OdirectSlowIo,
    needs_namespace=True,
)
