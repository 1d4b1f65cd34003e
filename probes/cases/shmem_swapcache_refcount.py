"""Shared memory that was written to swap a moment ago: mapped nowhere, out of its file, and still in the swap cache.

It is not anonymous, and folio_expected_ref_count() counted the swap cache's reference for anonymous folios alone, so
that migration took such a folio for busy (f183663901f2; in 6.12.49 to 6.12.64 and in 6.16 to 6.18.3). Nothing holds it.

Swap is a loop device over memory of the run's own. Of a folio of zeros nothing is written, so these have content.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any, Dict, List, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import loop, pages, syscalls
from probes.kernel.counters import vmstat
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import SharedPool

_SWAP_BYTES = 16 << 20
_WRITTEN_SECONDS = 5.0
_SWAPPED, _WRITEBACK, _ANON = (1 << pages.FLAGS[name] for name in ("SWAPCACHE", "WRITEBACK", "ANON"))


class ShmemSwapcacheRefcount(SharedPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.known: List[Optional[int]] = []
        self.device = -1
        self.swap = ""
        self.nr_read = 0

    def start(self) -> None:
        backing = os.memfd_create("unmigratable-swap", os.MFD_CLOEXEC)
        try:
            os.truncate(backing, _SWAP_BYTES)
            os.pwrite(backing, header(_SWAP_BYTES // PAGE), 0)
            self.device = loop.attach(backing)
        finally:
            os.close(backing)
        path = os.readlink("/proc/self/fd/%d" % self.device)
        try:
            syscalls.swap_on(path)
        except OSError as error:
            raise CannotRun("%s cannot be swapped to: %s" % (path, error.strerror)) from None
        self.swap = path

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.known = pages.frames_of(self.target)
        written = vmstat()["pswpout"]
        for address in self.target:
            syscalls.advise(address, 1, syscalls.MADV_PAGEOUT)
        end = time.monotonic() + _WRITTEN_SECONDS
        while self._nr_waiting() < NR_PAGES and time.monotonic() < end:
            time.sleep(0.02)
        waiting = self._nr_waiting()
        if waiting < NR_PAGES:
            raise Disturbed("%d of %d pages are in the swap cache, and written" % (waiting, NR_PAGES))
        self.nr_read = vmstat()["pswpin"]
        return {
            "nr_pages_in_swap_cache": waiting,
            "nr_written_to_swap": vmstat()["pswpout"] - written,
            **self.shown(),
        }

    def _nr_waiting(self) -> int:
        """How many are as they should be: in the swap cache, not anonymous, and no longer under writeback."""
        return sum(1 for bits in self._flags() if bits & (_SWAPPED | _WRITEBACK | _ANON) == _SWAPPED)

    def _flags(self) -> List[int]:
        return pages.flag_bits([frame for frame in self.known if frame is not None])

    def frames(self) -> List[Optional[int]]:
        """What is mapped nowhere is on the frame where it was, as far as anybody can see from here."""
        now = pages.frames_of(self.target)
        return [here if here is not None else was for here, was in zip(now, self.known or now)]

    def moved_while_held(self, before: List[Optional[int]]) -> int:
        """A frame that is in the swap cache no longer: its folio has gone elsewhere, or was freed (`nr_read_back`)."""
        return sum(1 for bits in self._flags() if not bits & _SWAPPED)

    def release(self) -> None:
        """Touched, it leaves the swap cache and is in its file again."""
        for address in self.target:
            syscalls.touch(address, 1)
        self.nr_read = vmstat()["pswpin"] - self.nr_read

    def facts(self) -> Dict[str, Any]:
        """Where any page had to be read from swap, its folio was freed and not moved."""
        return {**super().facts(), "nr_read_back": self.nr_read}

    def close(self) -> None:
        super().close()
        if self.swap:
            syscalls.swap_off(self.swap)
            self.swap = ""
        if self.device >= 0:
            os.close(self.device)
            self.device = -1


def header(nr_pages: int) -> bytes:
    """The first page of a swap area (include/linux/swap.h, union swap_header)."""
    info = bytes(1024) + struct.pack("<III", 1, nr_pages - 1, 0)
    return info.ljust(PAGE - 10, b"\0") + b"SWAPSPACE2"


CASE = Case(
    slug="shmem-swapcache-refcount",
    title="Shared memory in the swap cache",
    hold_class="reference",
    needs_root="to see page frame numbers, and to switch swap on",
    devices=(),
    movers=("compaction",),
    will_do="switch swap on, to a loop device over 16 MiB of memory of its own, have 16 pages of a memfd written "
    "there, and have them migrated while they are in the swap cache",
    side_effects="the machine has 16 MiB of swap more until the end of the run",
    cleans_up="switches that swap off; the loop device and the memory end with the process",
    experiment=ShmemSwapcacheRefcount,
    modules="loop",
    why_privileged="swap has to be switched on",
    lab_kernel="bookworm-backports/linux-image-6.12.57+deb12-amd64",
    guests_only="it changes the machine's swap, and a run that is killed leaves it on",
)
