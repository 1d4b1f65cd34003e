"""Dirty large folios of XFS: they cannot be split, and so they stay where no target of their order is free.

iomap_release_folio() refuses while the folio is dirty (fs/iomap/buffered-io.c). Three halves, a mover each:

- `split` asks for the split, and for nothing else;
- `compaction` finds free single pages, so a folio must be split to be moved (mm/migrate.c,
  migrate_pages_batch, -ENOMEM), and the first that cannot be ends the compaction of the zone. Before that, it
  is given free targets of the folios' own order; as many as it finds, so many dirty ones it moves whole
  (filemap_migrate_folio). It looks for enough free pages, not for free targets of an order;
- `move_pages` finds room of any order on the other node, and moves them whole.

The control is large and clean; it splits and moves. The release is fsync(2) of the same files.
"""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.split import Split
from probes.movers.usual import Compaction, Mover
from probes.run.experiment import NR_PAGES, Case, Experiment, Surroundings
from probes.run.scratch import XFS, Scratch

# Compaction leaves folios of pageblock order (512 pages) alone (mm/compaction.c, skip_isolation_on_order);
# the kernel counts splits of just these (thp_split_page, thp_split_page_failed).
_FOLIO_PAGES, _FOLIO_PAGES_TO_SPLIT = 32, 512
_NR_TO_MOVE, _NR_TO_SPLIT = 768, 3 * NR_PAGES
_NR_TARGET_TO_MOVE = 64
_WHOLE_SECONDS = 10.0
_WHOLE_TRIES = 3
_DIRTY_TRIES, _DIRTY_SECONDS = 5, 0.2


class SplitDirtyIomap(Experiment):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.xfs = Scratch(XFS)
        self.open: List[int] = []
        self.files: Dict[int, int] = {}  # the file in which a folio is, by the address where that is mapped
        self.folio_pages = 0
        self.splits = False
        self.whole: Dict[str, Any] = {}
        self.held = False

    def start(self) -> None:
        self.xfs.mount()

    def prepare(self, mover: Mover) -> None:
        self.splits = isinstance(mover, Split)
        self.folio_pages = _FOLIO_PAGES_TO_SPLIT if self.splits else _FOLIO_PAGES
        if isinstance(mover, Compaction) and not self.whole:
            self.whole = self._move_whole(mover)
        self._forget()
        self._write_files()
        mover.stage(0)
        if isinstance(mover, Split):
            mover.files = {address: (fd, self.folio_pages * PAGE) for address, fd in self.files.items()}
        lowest = self._lowest()
        self.control, self.target = lowest[:NR_PAGES], lowest[NR_PAGES : NR_PAGES + self._nr_target()]

    def _nr_target(self) -> int:
        """More to be moved: compaction happens upon a free target of their order now and then, for one or two."""
        return NR_PAGES if self.splits else _NR_TARGET_TO_MOVE

    def _write_files(self) -> None:
        """Large clean folios. One write makes one folio, where the file system makes large ones.

        To be split each has a file of its own, which can be cut off. To be moved all are in one, and many,
        since what decides is where they lie: the lowest of many are low enough for compaction.
        """
        nr_files, nr_folios = (_NR_TO_SPLIT, 1) if self.splits else (1, _NR_TO_MOVE)
        data = b"\1" * (self.folio_pages * PAGE)
        for number in range(nr_files):
            path = os.path.join(self.xfs.mountpoint, str(number))
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self.open.append(fd)
            for _ in range(nr_folios):
                os.write(fd, data)
            os.fsync(fd)
            for index in range(nr_folios):
                address = syscalls.map_aligned(self.folio_pages, fd, index * len(data))
                self.files[address] = fd
                syscalls.touch(address, self.folio_pages)
        nr_large, nr_needed = len(self._lowest()), NR_PAGES + self._nr_target()
        if nr_large < nr_needed:
            sizes = [pages.folio_pages(frame) for frame in pages.frames_of(list(self.files)) if frame is not None]
            text = "XFS made %d folios of %d pages here, and %d are needed; the largest has %d pages"
            raise CannotRun(text % (nr_large, self.folio_pages, nr_needed, max(sizes or [0])))

    def _lowest(self) -> List[int]:
        """Those that are one large folio, lowest frame first. Compaction goes upwards: the control comes first."""
        frames = dict(zip(self.files, pages.frames_of(list(self.files))))
        whole = [at for at in self.files if pages.folio_pages(frames[at] or 0) == self.folio_pages]
        return sorted(whole, key=lambda at: frames[at] or 0)

    def _move_whole(self, mover: Compaction) -> Dict[str, Any]:
        """Dirty folios, and free targets of their order: how many move, as they are?"""
        self._write_files()
        mover.stage(0)
        tried = self._lowest()[:NR_PAGES]
        self._dirty(tried)
        before = pages.frames_of(tried)
        assert mover.arena is not None
        for _ in range(_WHOLE_TRIES):
            left = [frame for frame in _mapped_frames(tried) if frame is not None and frame in before]
            mover.arena.punch(left, self.folio_pages)
            mover.attempt(tried, _WHOLE_SECONDS, self.check)
        after = _mapped_frames(tried)
        moved = [now for old, now in zip(before, after) if now is not None and now != old]
        return {
            "nr_dirty_folios_tried_with_room": len(tried),
            "nr_dirty_folios_moved_whole": sum(1 for frame in moved if pages.folio_pages(frame) == self.folio_pages),
        }

    def _dirty(self, addresses: List[int]) -> None:
        for address in addresses:
            syscalls.fill(address, 1)

    def hold(self, mover: Mover) -> Dict[str, Any]:
        # Anyone's dirty large folio that lies lower would end the compaction before it gets to ours.
        mover.settle()
        self.held = True
        nr_times = self._keep_dirty()
        self.check()
        frames = [frame for frame in self.frames() if frame is not None]
        return {
            "filesystem": "xfs",
            "folio_pages": self.folio_pages,
            "nr_folios_dirty": self._nr_dirty(),
            "nr_times_dirtied": nr_times,
            "held_folio_flags": " ".join(pages.flag_names(frames[-1])),
            **self.whole,
        }

    def _keep_dirty(self) -> int:
        """Until they stay so for a moment; how often it took. The flusher may still be at what was written before.

        Seen in a guest with 6.12.95, on a busy host: all 64 were clean again at once, in the first run of a boot.
        """
        for nr_before in range(_DIRTY_TRIES):
            self._dirty(self.target)
            time.sleep(_DIRTY_SECONDS)
            if self._nr_dirty() == len(self.target):
                return nr_before + 1
        return _DIRTY_TRIES

    def check(self) -> None:
        """Someone else's sync(2) would write them back, and so end the hold."""
        nr_dirty = self._nr_dirty() if self.held else len(self.target)
        if nr_dirty < len(self.target):
            raise Disturbed("only %d of %d folios are dirty still" % (nr_dirty, len(self.target)))

    def _nr_dirty(self) -> int:
        """Seen in the first pages. One that was moved meanwhile, or is not mapped just now, counts as it was."""
        before = pages.frames_of(self.target)
        known = [frame for frame in before if frame is not None]
        flags = dict(zip(known, pages.flag_bits(known)))
        after = pages.frames_of(self.target)
        stayed = [old for old, new in zip(before, after) if old is not None and old == new]
        return len(self.target) - sum(1 for frame in stayed if not flags[frame] & 1 << pages.FLAGS["DIRTY"])

    def frames(self) -> List[Optional[int]]:
        return _mapped_frames(self.target)

    def control_frames(self) -> List[Optional[int]]:
        return _mapped_frames(self.control)

    def control_moved(self, before: List[Optional[int]]) -> int:
        return self._split(before) if self.splits else super().control_moved(before)

    def moved_while_held(self, before: List[Optional[int]]) -> int:
        return self._split(before) if self.splits else super().moved_while_held(before)

    def moved_after_release(self, before: List[Optional[int]]) -> int:
        return self._split(before) if self.splits else super().moved_after_release(before)

    def _split(self, frames: List[Optional[int]]) -> int:
        """How many of these are no longer the first frame of a folio of that size."""
        known = [frame for frame in frames if frame is not None]
        return sum(1 for frame in known if pages.folio_pages(frame) < self.folio_pages)

    def release(self) -> None:
        self.held = False
        for fd in {self.files[address] for address in self.target}:
            os.fsync(fd)

    def close(self) -> None:
        self._forget()
        self.xfs.close()

    def _forget(self) -> None:
        for address in self.files:
            syscalls.unmap_pages(address, self.folio_pages)
        for fd in self.open:
            os.close(fd)
        self.open, self.files = [], {}


def _mapped_frames(addresses: List[int]) -> List[Optional[int]]:
    """Touched first: a split leaves file pages unmapped, a refused one too (mm/huge_memory.c, unmap_folio)."""
    for address in addresses:
        syscalls.touch(address, 1)
    return pages.frames_of(addresses)


CASE = Case(
    slug="split-dirty-iomap",
    title="Dirty large folio of XFS, which cannot be split",
    hold_class="split",
    needs_root="to see page frame numbers, to set up a loop device and to mount privately",
    devices=(),
    movers=("split", "move_pages", "compaction"),
    will_do="make an XFS in memory (320 MiB, of which some 170 get used), mount it privately over a loop device, "
    "write large folios, leave 16 (to be moved: 64) of them dirty, and have them split or moved",
    side_effects="none for others, but that memory is compacted",
    cleans_up="writes the files back and unmounts; mount, loop device and memory end with the process",
    experiment=SplitDirtyIomap,
    filesystem="xfs",
    modules="xfs",
    why_privileged="XFS is mounted from a loop device, which takes root; to write to a file of it does not",
)
