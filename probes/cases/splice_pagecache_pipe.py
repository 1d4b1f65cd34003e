"""Page-cache folios that splice(2) put into a pipe nobody reads: the pipe has the folio itself, not a copy.

The file is a memfd here; any file that can be read will do, a shared library too (mm/filemap.c,
filemap_splice_read; mm/shmem.c, shmem_file_splice_read).
"""

from __future__ import annotations

from typing import Any, Dict

from probes.errors import Disturbed
from probes.kernel import syscalls
from probes.kernel.pipe import UnreadPipe
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import SharedPool


class SplicePagecachePipe(SharedPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.pipe = UnreadPipe()

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.pipe.open()
        got = sum(syscalls.splice(self.fd, self.offset_of(address), self.pipe.writer, PAGE) for address in self.target)
        if got != NR_PAGES * PAGE:
            raise Disturbed("only %d of %d bytes found room in the pipe" % (got, NR_PAGES * PAGE))
        return {"pipe_bytes": got, **self.shown()}

    def release(self) -> None:
        self.pipe.drain(NR_PAGES * PAGE)

    def close(self) -> None:
        self.pipe.close()
        super().close()


CASE = Case(
    slug="splice-pagecache-pipe",
    title="splice(2) of page cache into a pipe nobody reads",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="splice 16 pages of a memfd of its own into a pipe, and have them migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="reads the pipe empty and closes it and the memfd; both end with the process",
    experiment=SplicePagecachePipe,
)
