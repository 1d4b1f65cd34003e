"""A loop device over a file that has no name, which the kernel lets go when nobody uses it any more."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from probes.errors import CannotRun

# include/uapi/linux/loop.h
_CTL_GET_FREE, _CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR = 4
_INFO = struct.Struct("<5Q4I64s64s32s2Q")
_TRIES = 8


def attach(backing: int) -> int:
    """An open descriptor of a new device over `backing`, whose path is /dev/loopN.

    LO_FLAGS_AUTOCLEAR: the device detaches when the last user of it is gone, a killed one too. So
    either this descriptor or a mount must stay. Raises CannotRun where there is none to be had.
    """
    for _ in range(_TRIES):
        try:
            path = _free()
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise CannotRun("no loop device: %s" % error.strerror) from None
        try:
            fcntl.ioctl(device, _CONFIGURE, _config(backing))
            return device
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:  # somebody else was faster
                raise CannotRun("the loop device cannot be set up (Linux 5.8 and later): %s" % error.strerror) from None
    raise CannotRun("no loop device stayed free for long enough")


def _free() -> str:
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        return "/dev/loop%d" % fcntl.ioctl(control, _CTL_GET_FREE)
    finally:
        os.close(control)


def _config(backing: int) -> bytes:
    """struct loop_config: the file, the block size (the default), struct loop_info64, reserved."""
    info = _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR, b"unmigratable", b"", b"", 0, 0)
    return struct.pack("<II", backing, 0) + info + bytes(64)
