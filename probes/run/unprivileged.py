"""A run that has given up its privileges before it holds anything: what any user of the machine could do.

The run's process becomes uid and gid 65534 without capabilities, and with it all helpers that it starts from then on:
server, watcher, threads. What measures stays root: the mover and a witness, started before; page frame numbers are
read through files opened before. For FUSE it takes a user namespace of its own, in which it may mount.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
from typing import Optional

from probes.children.processes import Blocked, Child, Lines, look_at, start
from probes.errors import CannotRun
from probes.kernel import pages, syscalls, zones
from probes.servers.fuse import mount

_NOBODY = 65534
_MEMLOCK_BYTES = 8 << 20  # RLIMIT_MEMLOCK where nobody changed it (include/uapi/linux/resource.h, MLOCK_LIMIT)
_LOOK_SECONDS = 2.0


class Witness:
    """A process that stays root and looks at others: state, wait channel, kernel stack."""

    def __init__(self) -> None:
        mine, its = (end.detach() for end in socket.socketpair())
        self.child: Child = start("unmig-look", lambda: _look(its), [its])
        os.close(its)
        self.lines = Lines(mine)

    def look_at(self, pid: int) -> Optional[Blocked]:
        self.lines.send({"pid": pid})
        for answer in self.lines.receive(_LOOK_SECONDS):
            seen = answer["seen"]
            return None if seen is None else Blocked(seen["state"], seen["wchan"], seen["stack"])
        return look_at(pid)

    def close(self) -> None:
        os.close(self.lines.fd)
        self.child.wait(_LOOK_SECONDS)


def _look(fd: int) -> None:
    lines = Lines(fd)
    while not lines.closed:
        for order in lines.receive(60.0):
            seen = look_at(order["pid"])
            lines.send({"seen": None if seen is None else vars(seen)})


def become(parent: int, namespace: bool) -> None:
    """Give up all privileges for good. `parent`: the process with which this one is to die."""
    pages.keep_open()
    zones.pageblock_pages()  # known from here on; its file is root's
    if namespace:
        _as_udev_has_it("/dev/fuse")
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    limit = _MEMLOCK_BYTES if most == resource.RLIM_INFINITY else min(most, _MEMLOCK_BYTES)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    syscalls.be_dumpable()
    syscalls.die_with_parent(signal.SIGKILL)  # a change of the uid has switched it off
    if os.getppid() != parent:
        os._exit(1)
    if namespace:
        _own_namespace()


def _as_udev_has_it(device: str) -> None:
    """Open to all. Without udev it is root's alone; then a node of our own is put over it, for this process only.

    One that root has opened would not do: it has to be opened in the user namespace that mounts (fs/fuse/inode.c,
    fuse_fill_super).
    """
    found = os.stat(device)
    if found.st_mode & 0o006 == 0o006:
        return
    place = mount.private_mountpoint()
    syscalls.mount("unmigratable", place, "tmpfs")
    node = os.path.join(place, "device")
    os.mknod(node, stat.S_IFCHR | 0o666, found.st_rdev)
    os.chmod(node, 0o666)  # whatever the umask
    syscalls.mount_over(node, device)
    syscalls.unmount(place)


def _own_namespace() -> None:
    try:
        syscalls.own_user_namespace()
        for name, text in (("setgroups", "deny"), ("uid_map", "%d %d 1"), ("gid_map", "%d %d 1")):
            with open("/proc/self/" + name, "w", encoding="ascii") as file:
                file.write(text % (_NOBODY, _NOBODY) if "%" in text else text)
    except OSError as error:
        raise CannotRun("no user namespace of its own for a plain user: %s" % error.strerror) from None
