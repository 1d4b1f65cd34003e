"""Memory whose first touch waits until somebody supplies the page: userfaultfd(2). Nothing is locked meanwhile.

A fault inside the kernel (copy_to_user()) waits there as well, but only where the caller may ask for that: with
CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd=1 (mm/userfaultfd.c and fs/userfaultfd.c, userfaultfd_syscall_allowed).
"""

from __future__ import annotations

import fcntl
import os
import select
import struct

from probes.errors import CannotRun
from probes.kernel import syscalls

# include/uapi/linux/userfaultfd.h
_API, _REGISTER, _ZEROPAGE = 0xC018AA3F, 0xC020AA00, 0xC020AA04
_VERSION, _MISSING = 0xAA, 1


class WithheldPage:
    """One page of this process. `address` may be touched by others; who does, sleeps until `supply`."""

    def __init__(self) -> None:
        self.fd, self.address = -1, 0

    def open(self) -> None:
        try:
            self.fd = syscalls.userfaultfd()
        except OSError as error:
            raise CannotRun("userfaultfd: %s" % error.strerror) from error
        self._ask(_API, struct.pack("<QQQ", _VERSION, 0, 0))
        self.address = syscalls.map_pages(1)
        self._ask(_REGISTER, struct.pack("<QQQQ", self.address, syscalls.PAGE, _MISSING, 0))

    def wait_touched(self, seconds: float) -> bool:
        """Has somebody touched it, and does so wait now?"""
        return bool(self.fd >= 0 and select.select([self.fd], [], [], seconds)[0] and os.read(self.fd, 32))

    def supply(self) -> None:
        """Whoever waits goes on, and finds zeroes."""
        self._ask(_ZEROPAGE, struct.pack("<QQQq", self.address, syscalls.PAGE, 0, 0))

    def close(self) -> None:
        """Also lets go whoever waits: the page is an ordinary one from then on."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def _ask(self, request: int, argument: bytes) -> None:
        fcntl.ioctl(self.fd, request, bytearray(argument))
