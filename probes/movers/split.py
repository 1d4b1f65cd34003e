"""The mover that asks for a large folio to be split, as migration does where no target of its order is free.

It cuts files off in the middle of a folio (mm/truncate.c, truncate_inode_partial_folio), which anyone may
do who can write to the file, and which a locked-down kernel allows; debugfs' split_huge_pages it does not.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, Sequence, Tuple

from probes.movers.attempts import Attempt
from probes.movers.usual import Mover

_NR_CUTS = 8


class Split(Mover):
    """`files`: for the address of a folio, the descriptor of the file that consists of it, and its size."""

    name = "split"
    files: Dict[int, Tuple[int, int]]
    nr_cuts = 0

    def stage(self, nr_pages: int) -> None:
        self.files, self.nr_cuts = {}, 0

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        """Each attempt leaves one eighth less of every file. The child goes by way of /proc: it sees other mounts."""
        self.nr_cuts += 1
        cuts = [
            ["/proc/%d/fd/%d" % (os.getpid(), fd), size * (_NR_CUTS - self.nr_cuts) // _NR_CUTS]
            for fd, size in (self.files[address] for address in addresses)
        ]
        return self.child.ask({"mover": self.name, "cuts": cuts}, seconds, check)
