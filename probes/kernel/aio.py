"""Linux AIO (io_setup(2)), as much as it takes to have a ring with one event in it."""

from __future__ import annotations

import ctypes
import os
import struct

from probes.errors import CannotRun, Disturbed
from probes.kernel import syscalls

_EVENT_BYTES = 32  # struct io_event; the ring's head has as many
_PREAD = 0  # IOCB_CMD_PREAD


class Ring:
    """`address`: where the kernel has mapped the ring into this process."""

    def __init__(self) -> None:
        self.address = 0
        self.nr_pages = 0

    def open(self, nr_pages: int) -> None:
        """A ring of that many pages. The kernel doubles the number of events asked for (fs/aio.c, ioctx_alloc)."""
        try:
            self.address = syscalls.io_setup((nr_pages * syscalls.PAGE // _EVENT_BYTES - 4) // 2)
        except OSError as error:
            raise CannotRun("io_setup: %s" % error.strerror) from None
        self.nr_pages = nr_pages
        syscalls.touch(self.address, nr_pages)  # the kernel filled them, but need not have mapped them all

    def finish_one(self) -> None:
        """Have a read of nothing much done, so that an event waits to be fetched."""
        file = os.memfd_create("unmigratable", os.MFD_CLOEXEC)
        try:
            os.ftruncate(file, syscalls.PAGE)
            room = ctypes.create_string_buffer(16)
            order = struct.pack("<QIIHhIQQqQII", 1, 0, 0, _PREAD, 0, file, ctypes.addressof(room), 16, 0, 0, 0, 0)
            if syscalls.io_submit(self.address, order) != 1:
                raise Disturbed("io_submit took nothing")
        finally:
            os.close(file)

    def fetch_into(self, address: int) -> int:
        """Have one event written to `address`, with the ring's lock held while that lasts; how many there were."""
        return syscalls.io_getevents(self.address, address)

    def close(self) -> None:
        if self.address:
            syscalls.io_destroy(self.address)
            self.address = 0
