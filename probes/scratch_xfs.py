"""An XFS of our own, in memory: a memfd below a loop device, mounted where nobody else sees it.

All three end with the process, however it ends: the memfd has no name, the device clears itself, and
the mount is in a mount namespace that no other process is in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess

from probes import kernel, loop
from probes.errors import CannotRun
from probes.fuse.mount import private_mountpoint

_SIZE_BYTES = 320 << 20  # mkfs.xfs takes no less than 300 MiB; some 70 MiB of it get used at once
_MKFS_SECONDS = 60.0


class ScratchXfs:
    def __init__(self) -> None:
        self.mountpoint = ""

    def mount(self) -> None:
        """Raises CannotRun where one of the means is missing."""
        if "\txfs\n" not in _filesystems():
            raise CannotRun("this kernel has no XFS (not in /proc/filesystems; perhaps `modprobe xfs`)")
        mkfs = shutil.which("mkfs.xfs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if mkfs is None:
            raise CannotRun("mkfs.xfs is not installed (Debian: xfsprogs)")
        backing = os.memfd_create("unmigratable", os.MFD_CLOEXEC)
        try:
            os.ftruncate(backing, _SIZE_BYTES)
            _make(mkfs, backing)
            device = loop.attach(backing)
        finally:
            os.close(backing)
        try:
            place = private_mountpoint()
            kernel.mount(os.readlink("/proc/self/fd/%d" % device), place, "xfs", "nouuid")
            self.mountpoint = place
        finally:
            os.close(device)

    def close(self) -> None:
        """What is still open keeps the file system until it is closed; the name is gone at once."""
        if self.mountpoint:
            with contextlib.suppress(OSError):
                kernel.unmount(self.mountpoint)
            self.mountpoint = ""


def _filesystems() -> str:
    with open("/proc/filesystems", encoding="ascii") as known:
        return known.read()


def _make(mkfs: str, backing: int) -> None:
    path = "/proc/self/fd/%d" % backing
    command = [mkfs, "-q", "-f", "-m", "reflink=0", path]
    try:
        done = subprocess.run(command, pass_fds=[backing], capture_output=True, text=True, timeout=_MKFS_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRun("mkfs.xfs took more than %g s" % _MKFS_SECONDS) from None
    if done.returncode:
        raise CannotRun("mkfs.xfs: %s" % done.stderr.strip()[-300:])
