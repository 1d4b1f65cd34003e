"""The watcher: a process that ends a FUSE hold when anything is not as it should be.

It ends the hold when the probe is on its way out, when the server is gone, and when time is over; and
when it is killed itself, the server sees that and ends. So no single death leaves a hold behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Optional

from probes.children.processes import Lines, exiting

_TICK_SECONDS = 0.05


@dataclass(frozen=True)
class Plan:
    """`probe`: a socket to the probe. `server`: a pipe that ends with the server. `abort`: the path that ends
    the connection, "" where the server's end alone does. `hold_seconds`: how long after the probe's word
    `hold`; `life_seconds`: at all.
    """

    probe: int
    server: int
    probe_pid: int
    server_pid: int
    abort: str
    hold_seconds: float
    life_seconds: float


def watch(plan: Plan) -> None:
    # Opened now: the inode keeps standing for this connection, whatever later gets its number.
    abort = os.open(plan.abort, os.O_WRONLY | os.O_CLOEXEC) if plan.abort else -1
    server = _handle(plan.server_pid)
    probe = Lines(plan.probe)
    probe.send({"watching": True})
    try:
        _wait_for_the_end(plan, probe)
    finally:
        if abort >= 0:
            os.write(abort, b"1")
        _kill(server)


def _wait_for_the_end(plan: Plan, probe: Lines) -> None:
    last = end = time.monotonic() + plan.life_seconds
    while time.monotonic() < end and not exiting(plan.probe_pid):
        ready = select.select([plan.probe, plan.server], [], [], _TICK_SECONDS)[0]
        if plan.server in ready:
            return  # the server never writes: this is its end
        if plan.probe in ready:
            for message in probe.receive():
                if "hold" in message:
                    end = min(end, time.monotonic() + plan.hold_seconds)
                elif "released" in message:  # the server has said so; the mover may still need it for a while
                    end = last
            if probe.closed:
                return


def _handle(pid: int) -> Optional[int]:
    """A pidfd, so that a later process with the same number cannot be meant.

    None before Linux 5.3, and in a Python built on such headers: the aborted connection ends the server too.
    """
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _kill(server: Optional[int]) -> None:
    if server is None:
        return
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(server, signal.SIGKILL)
