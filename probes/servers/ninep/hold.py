"""The probe's side of a 9P hold: the same server, watcher and orders as with FUSE, another connection."""

from __future__ import annotations

import errno
import os
import socket
from typing import Callable, Optional, Set

from probes.errors import CannotRun
from probes.kernel import syscalls
from probes.servers.fuse import hold, mount
from probes.servers.fuse.hold import Ends, FuseHold
from probes.servers.ninep import protocol, server

_OPTIONS = "trans=fd,rfdno=%d,wfdno=%d,version=9p2000.L,msize=%d,access=any,cache=loose"


def begin(size_bytes: int, hold_seconds: float, cpus: Optional[Set[int]]) -> FuseHold:
    """Mount a file of that size privately. Raises CannotRun where that does not work."""
    with open("/proc/filesystems", encoding="ascii") as known:
        if "\t9p\n" not in known.read():
            raise CannotRun("this kernel has no 9p (not in /proc/filesystems; perhaps `modprobe 9p 9pnet_fd`)")
    mountpoint = mount.private_mountpoint()
    mine, its = (end.detach() for end in socket.socketpair())

    def main(ends: Ends) -> Callable[[], None]:
        plan = server.Plan(
            its, size_bytes, ends.control, ends.watcher, ends.probe_pid, ends.withhold_seconds, ends.life_seconds
        )
        return lambda: server.serve(plan)

    def connect() -> str:
        """Mount, with the server already answering. No file ends this connection; the server's end does."""
        os.close(its)
        try:
            syscalls.mount("unmigratable", mountpoint, "9p", _OPTIONS % (mine, mine, protocol.MESSAGE_BYTES))
        except OSError as error:
            why = "; it may lack the transport: `modprobe 9pnet_fd`" if error.errno == errno.EINVAL else ""
            raise CannotRun("9p over a socket cannot be mounted: %s%s" % (error.strerror, why)) from None
        finally:
            os.close(mine)
        return ""

    return hold.begin_with(hold.Side("unmig-9p", main, "serving", [its], connect), mountpoint, hold_seconds, cpus)
