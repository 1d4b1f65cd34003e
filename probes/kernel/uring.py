"""Buffers registered with io_uring: FOLL_LONGTERM pins that any user may take.

Such a pin first moves a page out of ZONE_MOVABLE and CMA (mm/gup.c, migrate_longterm_unpinnable_folios),
and then keeps it where it is.
"""

from __future__ import annotations

import os
from typing import Sequence

from probes.errors import CannotRun
from probes.kernel import syscalls


class RegisteredBuffers:
    def __init__(self) -> None:
        self.ring = -1
        self.registered = False

    def open(self) -> None:
        """Before anything is staged: the ring needs memory of its own."""
        try:
            self.ring = syscalls.io_uring_setup()
        except OSError as error:
            raise CannotRun("io_uring_setup: %s%s" % (error.strerror, _why())) from error

    def pin(self, addresses: Sequence[int]) -> None:
        syscalls.io_uring_register_buffers(self.ring, addresses)
        self.registered = True

    def unpin(self) -> None:
        if self.registered:
            syscalls.io_uring_unregister_buffers(self.ring)
            self.registered = False

    def close(self) -> None:
        if self.ring >= 0:
            os.close(self.ring)
            self.ring = -1


def _why() -> str:
    try:
        with open("/proc/sys/kernel/io_uring_disabled", encoding="ascii") as setting:
            return " (kernel.io_uring_disabled is %s)" % setting.read().strip()
    except OSError:
        return ""
