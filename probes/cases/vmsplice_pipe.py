"""Anonymous pages that vmsplice(2) put into a pipe nobody reads: the pipe has a reference to each.

Plain references, neither FOLL_PIN nor FOLL_LONGTERM, so nothing moves the pages out first and nothing
accounts for them (fs/splice.c, iter_to_pipe). A mover finds a count it did not expect.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from probes import kernel, pages
from probes.errors import Disturbed
from probes.experiment import NR_PAGES, POOL_PAGES, STAGED_PAGES, Case, Experiment, Surroundings, chosen, span
from probes.kernel import PAGE
from probes.movers import Mover


class VmsplicePipe(Experiment):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.reader, self.writer = -1, -1
        self.address = 0

    def prepare(self, mover: Mover) -> None:
        if self.address:
            kernel.unmap_pages(self.address, POOL_PAGES)
            self.address = 0
        mover.stage(STAGED_PAGES)
        self.address = kernel.map_pages(POOL_PAGES)
        kernel.advise(self.address, POOL_PAGES, kernel.MADV_NOHUGEPAGE)
        kernel.fill(self.address, POOL_PAGES)
        self.control, self.target = chosen(span(self.address, POOL_PAGES))

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.reader, self.writer = os.pipe()
        got = kernel.vmsplice(self.writer, self.target)
        if got != NR_PAGES * PAGE:
            raise Disturbed("only %d of %d bytes found room in the pipe" % (got, NR_PAGES * PAGE))
        frames = [frame for frame in self.frames() if frame is not None]
        flags = " ".join(pages.flag_names(frames[-1])) if frames else "not mapped"
        return {"pipe_bytes": got, "held_folio_flags": flags}

    def release(self) -> None:
        os.set_blocking(self.reader, False)
        left = NR_PAGES * PAGE
        while left > 0:
            left -= len(os.read(self.reader, left))

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            if fd >= 0:
                os.close(fd)


CASE = Case(
    slug="vmsplice-pipe",
    title="vmsplice(2) page parked in a pipe nobody reads",
    hold_class="reference",
    needs_root="to see page frame numbers and to start compaction; the hold itself needs no privilege",
    devices=(),
    movers=("move_pages", "compaction"),
    will_do="vmsplice 16 anonymous pages into a pipe, and have them migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="reads the pipe empty and closes it; both end with the process",
    experiment=VmsplicePipe,
)
