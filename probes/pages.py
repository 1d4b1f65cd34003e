"""Where pages are, and in which state: /proc/PID/pagemap, /proc/kpageflags. Both want CAP_SYS_ADMIN."""

from __future__ import annotations

import os
import struct
from typing import Dict, List, Optional, Sequence

from probes.errors import CannotRun
from probes.kernel import PAGE

# include/uapi/linux/kernel-page-flags.h
FLAGS: Dict[str, int] = {
    "LOCKED": 0, "ERROR": 1, "REFERENCED": 2, "UPTODATE": 3, "DIRTY": 4, "LRU": 5, "ACTIVE": 6, "SLAB": 7,
    "WRITEBACK": 8, "RECLAIM": 9, "BUDDY": 10, "MMAP": 11, "ANON": 12, "SWAPCACHE": 13, "SWAPBACKED": 14,
    "COMPOUND_HEAD": 15, "COMPOUND_TAIL": 16, "HUGE": 17, "UNEVICTABLE": 18, "HWPOISON": 19, "NOPAGE": 20,
    "THP": 22, "OFFLINE": 23, "ZERO_PAGE": 24, "IDLE": 25, "PGTABLE": 26, "RESERVED": 32, "MLOCKED": 33,
}  # fmt: skip
_PRESENT = 1 << 63
_FRAME = (1 << 55) - 1


def frames_from(address: int, nr_pages: int) -> List[Optional[int]]:
    """The page frame numbers behind a range of this process; None where nothing is mapped.

    Raises CannotRun where the kernel hides them (fs/proc/task_mmu.c, pagemap_read: zero without CAP_SYS_ADMIN).
    """
    with open("/proc/self/pagemap", "rb", 0) as pagemap:
        pagemap.seek(address // PAGE * 8)
        entries = struct.unpack("<%dQ" % nr_pages, pagemap.read(8 * nr_pages))
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
    fd = os.open("/proc/kpageflags", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return [struct.unpack("<Q", os.pread(fd, 8, 8 * frame))[0] for frame in frames]
    finally:
        os.close(fd)


def flag_names(frame: int) -> List[str]:
    """The names of a frame's flags. KSM is left out: 6.12 sets it on every anonymous page."""
    bits = flag_bits([frame])[0]
    return sorted(name for name, bit in FLAGS.items() if bits >> bit & 1)


def being_filled(frames: Sequence[int]) -> List[int]:
    """Those frames that are locked and not up to date: a folio whose content someone still has to supply."""
    locked, uptodate = 1 << FLAGS["LOCKED"], 1 << FLAGS["UPTODATE"]
    free = 1 << FLAGS["BUDDY"] | 1 << FLAGS["SLAB"]
    pairs = zip(frames, flag_bits(frames))
    return [frame for frame, have in pairs if have & locked and not have & (uptodate | free)]
