"""The probe's side of a block device that may stop answering: the same server, watcher and orders as with FUSE."""

from __future__ import annotations

import os
import socket
from typing import Callable, Optional, Set, Tuple

from probes.errors import CannotRun
from probes.servers.fuse import hold
from probes.servers.fuse.hold import Ends, FuseHold
from probes.servers.nbd import server

_MOST_DEVICES = 16  # what the module makes by itself (drivers/block/nbd.c, nbds_max)


def begin(backing: int, hold_seconds: float, cpus: Optional[Set[int]]) -> Tuple[FuseHold, str]:
    """A device over `backing`, and its path. Raises CannotRun where there is none to be had."""
    device = _free()
    client, answers = (end.detach() for end in socket.socketpair())

    def main(ends: Ends) -> Callable[[], None]:
        plan = server.Plan(
            device,
            client,
            answers,
            backing,
            ends.control,
            ends.watcher,
            ends.probe_pid,
            ends.withhold_seconds,
            ends.life_seconds,
        )
        return lambda: server.serve(plan)

    def connected() -> str:
        """No file ends this device; the server's end does."""
        os.close(client)
        os.close(answers)
        return ""

    keep = [client, answers, backing]
    return hold.begin_with(hold.Side("unmig-nbd", main, "serving", keep, connected), "", hold_seconds, cpus), device


def _free() -> str:
    for number in range(_MOST_DEVICES):
        name = "nbd%d" % number
        if os.path.exists("/sys/block/" + name) and not os.path.exists("/sys/block/%s/pid" % name):
            return "/dev/" + name
    raise CannotRun("there is no network block device that is free (`modprobe nbd`)")
