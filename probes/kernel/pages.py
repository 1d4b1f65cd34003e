"""Where pages are, and in which state: /proc/PID/pagemap, /proc/kpageflags. Both want CAP_SYS_ADMIN."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from probes.errors import CannotRun
from probes.kernel.syscalls import PAGE

# include/uapi/linux/kernel-page-flags.h
FLAGS: Dict[str, int] = {
    "LOCKED": 0, "ERROR": 1, "REFERENCED": 2, "UPTODATE": 3, "DIRTY": 4, "LRU": 5, "ACTIVE": 6, "SLAB": 7,
    "WRITEBACK": 8, "RECLAIM": 9, "BUDDY": 10, "MMAP": 11, "ANON": 12, "SWAPCACHE": 13, "SWAPBACKED": 14,
    "COMPOUND_HEAD": 15, "COMPOUND_TAIL": 16, "HUGE": 17, "UNEVICTABLE": 18, "HWPOISON": 19, "NOPAGE": 20,
    "THP": 22, "OFFLINE": 23, "ZERO_PAGE": 24, "IDLE": 25, "PGTABLE": 26, "RESERVED": 32, "MLOCKED": 33,
}  # fmt: skip
_PAGEMAP, _KPAGEFLAGS = "/proc/self/pagemap", "/proc/kpageflags"
_PRESENT = 1 << 63
_FRAME = (1 << 55) - 1
_MOST_TOGETHER = 1 << 15
_MOST_FOLIO_PAGES = 1024


_kept: Dict[str, int] = {}


def keep_open() -> None:
    """Have this process see all this when it has given up its privileges: it is asked of who opens the files.

    fs/proc/task_mmu.c, pagemap_read (file_ns_capable); fs/proc/page.c, of mode 0400.
    """
    for path in (_PAGEMAP, _KPAGEFLAGS):
        _kept[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    if path in _kept:
        yield _kept[path]
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def frames_from(address: int, nr_pages: int) -> List[Optional[int]]:
    """The page frame numbers behind a range of this process; None where nothing is mapped.

    Raises CannotRun where the kernel hides them (fs/proc/task_mmu.c, pagemap_read: zero without CAP_SYS_ADMIN).
    """
    with _opened(_PAGEMAP) as pagemap:
        entries = struct.unpack("<%dQ" % nr_pages, os.pread(pagemap, 8 * nr_pages, address // PAGE * 8))
    found = [entry & _FRAME if entry & _PRESENT else None for entry in entries]
    if 0 in found:
        raise CannotRun("page frame numbers are hidden: this needs root (CAP_SYS_ADMIN)")
    return found


def frames_of(addresses: Sequence[int]) -> List[Optional[int]]:
    return [frames_from(address, 1)[0] for address in addresses]


def moved(before: Sequence[Optional[int]], after: Sequence[Optional[int]]) -> int:
    """How many pages had a frame then, have one now, and it is another."""
    pairs = zip(before, after)
    return sum(1 for old, new in pairs if old is not None and new is not None and old != new)


def flag_bits(frames: Sequence[int]) -> List[int]:
    """The flags of each frame. Neighbours are read together: a whole zone is a matter of a second."""
    with _opened(_KPAGEFLAGS) as fd:
        return [bits for first, nr in _runs(frames) for bits in _flags_from(fd, first, nr)]


def _runs(frames: Sequence[int]) -> Iterator[Tuple[int, int]]:
    """Frames that follow each other, as (first, number), in the order given."""
    first, nr = 0, 0
    for frame in frames:
        if nr and frame == first + nr and nr < _MOST_TOGETHER:
            nr += 1
            continue
        if nr:
            yield first, nr
        first, nr = frame, 1
    if nr:
        yield first, nr


def _flags_from(fd: int, first: int, nr: int) -> List[int]:
    """What lies beyond the last frame has no flags."""
    data = os.pread(fd, 8 * nr, 8 * first)
    return list(struct.unpack("<%dQ" % (len(data) // 8), data)) + [0] * (nr - len(data) // 8)


def flag_names(frame: int) -> List[str]:
    """The names of a frame's flags. KSM is left out: 6.12 sets it on every anonymous page."""
    bits = flag_bits([frame])[0]
    return sorted(name for name, bit in FLAGS.items() if bits >> bit & 1)


def folio_pages(frame: int) -> int:
    """The pages of the folio that begins at `frame`: 1 for a single page, 0 where no folio begins."""
    bits = flag_bits(range(frame, frame + _MOST_FOLIO_PAGES))
    head, tail = 1 << FLAGS["COMPOUND_HEAD"], 1 << FLAGS["COMPOUND_TAIL"]
    if bits[0] & tail or bits[0] & (1 << FLAGS["BUDDY"] | 1 << FLAGS["NOPAGE"]):
        return 0
    nr_pages = 1
    while bits[0] & head and nr_pages < len(bits) and bits[nr_pages] & tail:
        nr_pages += 1
    return nr_pages


def of_files(frames: Sequence[int]) -> List[int]:
    """Those frames that hold page cache of a file that is on a disk or a server, which is dropped where it is clean."""
    other = 1 << FLAGS["ANON"] | 1 << FLAGS["SWAPBACKED"] | 1 << FLAGS["BUDDY"]
    return [frame for frame, have in zip(frames, flag_bits(frames)) if not have & other]


def being_filled(frames: Sequence[int]) -> List[int]:
    """Those frames that are locked and not up to date: a folio whose content someone still has to supply."""
    locked, uptodate = 1 << FLAGS["LOCKED"], 1 << FLAGS["UPTODATE"]
    free = 1 << FLAGS["BUDDY"] | 1 << FLAGS["SLAB"]
    pairs = zip(frames, flag_bits(frames))
    return [frame for frame, have in pairs if have & locked and not have & (uptodate | free)]
