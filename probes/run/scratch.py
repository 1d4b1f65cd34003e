"""A file system of our own, in memory: a memfd below a loop device, mounted where nobody else sees it.

All three end with the process, however it ends: the memfd has no name, the device clears itself, and
the mount is in a mount namespace that no other process is in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable, Tuple

from probes.errors import CannotRun
from probes.kernel import loop, syscalls
from probes.servers.fuse.mount import private_mountpoint

_MKFS_SECONDS = 60.0


@dataclass(frozen=True)
class Format:
    """`package`: where Debian has `mkfs.KIND`. `options`: of mkfs, `mount_options` of mount(2)."""

    kind: str
    package: str
    size_bytes: int
    options: Tuple[str, ...]
    mount_options: str


# mkfs.xfs takes no less than 300 MiB; some 70 MiB of it get used at once.
XFS = Format("xfs", "xfsprogs", 320 << 20, ("-q", "-f", "-m", "reflink=0"), "nouuid")


class Scratch:
    """`attach` makes a device over a file, and returns it open: a loop device, if nothing else is said."""

    def __init__(self, made: Format, attach: Callable[[int], int] = loop.attach) -> None:
        self.made, self.attach = made, attach
        self.mountpoint = ""
        self.device = -1

    def mount(self) -> None:
        """Make it, and mount it. Raises CannotRun where one of the means is missing."""
        self.make()
        try:
            self.mount_again()
        finally:
            self.let_go()

    def make(self) -> None:
        """The device alone, with the file system on it; `device` is open until `let_go`."""
        kind = self.made.kind
        if "\t%s\n" % kind not in _filesystems():
            raise CannotRun("this kernel has no %s (not in /proc/filesystems; perhaps `modprobe %s`)" % (kind, kind))
        mkfs = shutil.which("mkfs." + kind, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if mkfs is None:
            raise CannotRun("mkfs.%s is not installed (Debian: %s)" % (kind, self.made.package))
        backing = os.memfd_create("unmigratable", os.MFD_CLOEXEC)
        try:
            os.ftruncate(backing, self.made.size_bytes)
            _run(mkfs, self.made.options, backing)
            self.device = self.attach(backing)
        finally:
            os.close(backing)

    def mount_again(self) -> None:
        place = self.mountpoint or private_mountpoint()
        path = os.readlink("/proc/self/fd/%d" % self.device)
        syscalls.mount(path, place, self.made.kind, self.made.mount_options)
        self.mountpoint = place

    def unmount(self) -> None:
        """What is still open keeps the file system until it is closed; the name is gone at once."""
        syscalls.unmount(self.mountpoint)

    def let_go(self) -> None:
        """From here on the mount alone keeps the device."""
        if self.device >= 0:
            os.close(self.device)
            self.device = -1

    def close(self) -> None:
        if self.mountpoint:
            with contextlib.suppress(OSError):
                self.unmount()
            self.mountpoint = ""
        self.let_go()


def _filesystems() -> str:
    with open("/proc/filesystems", encoding="ascii") as known:
        return known.read()


def _run(mkfs: str, options: Tuple[str, ...], backing: int) -> None:
    command = [mkfs, *options, "/proc/self/fd/%d" % backing]
    try:
        done = subprocess.run(command, pass_fds=[backing], capture_output=True, text=True, timeout=_MKFS_SECONDS)
    except subprocess.TimeoutExpired:
        raise CannotRun("%s took more than %g s" % (os.path.basename(mkfs), _MKFS_SECONDS)) from None
    if done.returncode:
        raise CannotRun("%s: %s" % (os.path.basename(mkfs), done.stderr.strip()[-300:]))
