"""Anonymous pages that vmsplice(2) put into a pipe nobody reads: the pipe has a reference to each.

Plain references, neither FOLL_PIN nor FOLL_LONGTERM, so nothing moves the pages out first and nothing
accounts for them (fs/splice.c, iter_to_pipe). A mover finds a count it did not expect.
"""

from __future__ import annotations

from typing import Any, Dict

from probes.errors import Disturbed
from probes.kernel import syscalls
from probes.kernel.pipe import UnreadPipe
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import AnonymousPool


class VmsplicePipe(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.pipe = UnreadPipe()

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.pipe.open()
        got = syscalls.vmsplice(self.pipe.writer, self.target)
        if got != NR_PAGES * PAGE:
            raise Disturbed("only %d of %d bytes found room in the pipe" % (got, NR_PAGES * PAGE))
        return {"pipe_bytes": got, **self.shown()}

    def release(self) -> None:
        self.pipe.drain(NR_PAGES * PAGE)

    def close(self) -> None:
        self.pipe.close()


CASE = Case(
    slug="vmsplice-pipe",
    title="vmsplice(2) page parked in a pipe nobody reads",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction", "khugepaged"),
    will_do="vmsplice 16 anonymous pages into a pipe, and have them migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="reads the pipe empty and closes it; both end with the process",
    experiment=VmsplicePipe,
)
