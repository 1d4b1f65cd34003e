"""Anonymous pages to which a device has exclusive access: the kernel's own test_hmm stands for the device.

In place of each page table entry stands one that is not present, until a CPU touches the page. Up to 6.14 such an
entry had no mapcount but a reference, which nobody that walks the mappings found (mm/rmap.c,
make_device_exclusive_range). Since 6.15 it is found like any other and replaced (599b684a7854 and its series).

Who goes by address meets no page there: move_pages(2) left all 16 on 7.3.4, where an offline moves them. So movers
that go by frame are asked.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from typing import Any, Dict, List, Optional

from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.syscalls import PAGE
from probes.movers.usual import Mover
from probes.run.experiment import NR_PAGES, Case, Surroundings
from probes.run.pool import AnonymousPool

_DEVICE = "/dev/hmm_dmirror0"
_EXCLUSIVE, _CHECK = 0xC0284805, 0xC0284806  # lib/test_hmm_uapi.h: HMM_DMIRROR_EXCLUSIVE, HMM_DMIRROR_CHECK_EXCLUSIVE
_COMMAND = "<5Q"  # addr, ptr, npages, cpages, faults


class DeviceExclusive(AnonymousPool):
    def __init__(self, surroundings: Surroundings) -> None:
        super().__init__(surroundings)
        self.device = -1
        self.known: List[Optional[int]] = []

    def hold(self, mover: Mover) -> Dict[str, Any]:
        self.known = pages.frames_of(self.target)
        try:
            self.device = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)  # it mirrors this process from now on
        except OSError as error:
            raise CannotRun("%s: %s" % (_DEVICE, error.strerror)) from None
        taken = sum(self._ask(_EXCLUSIVE, address) for address in self.target)
        not_present = pages.frames_of(self.target).count(None)
        if taken < NR_PAGES or not_present < NR_PAGES:
            raise Disturbed("the device has %d pages, and %d are not present" % (taken, not_present))
        return {"nr_pages_exclusive": taken, "device": "test_hmm"}

    def _ask(self, order: int, address: int) -> bool:
        """Of one page. A page that the device got is copied out for comparison."""
        copy = ctypes.create_string_buffer(PAGE)
        command = bytearray(struct.pack(_COMMAND, address, ctypes.addressof(copy), 1, 0, 0))
        try:
            fcntl.ioctl(self.device, order, command)
        except OSError as error:
            raise Disturbed("the device did not get a page: %s" % error.strerror) from None
        return bool(struct.unpack(_COMMAND, command)[3] == 1)

    def frames(self) -> List[Optional[int]]:
        """A page that the device has is on the frame where it was: nothing has found its entry."""
        now = pages.frames_of(self.target)
        return [here if here is not None else was for here, was in zip(now, self.known or now)]

    def moved_while_held(self, before: List[Optional[int]]) -> int:
        return pages.moved(before, self.frames())

    def release(self) -> None:
        """A CPU's access ends the device's."""
        for address in self.target:
            syscalls.fill(address, 1)

    def close(self) -> None:
        if self.device >= 0:
            os.close(self.device)
            self.device = -1


CASE = Case(
    slug="device-exclusive",
    title="Page to which a device has exclusive access",
    hold_class="reference",
    needs_root="to see page frame numbers, and to open the device of test_hmm",
    devices=(_DEVICE,),
    movers=("compaction",),
    will_do="give 16 anonymous pages to the kernel's test_hmm for exclusive access, and have them migrated meanwhile",
    side_effects="none for others, but that memory is compacted",
    cleans_up="touches the pages, which ends the access, and closes the device; both end with the process",
    experiment=DeviceExclusive,
    modules="test_hmm",
    why_privileged="the device belongs to root",
)
