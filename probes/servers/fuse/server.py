"""The process that answers FUSE requests, or withholds the answers for a bounded time.

It alone has /dev/fuse open, so its death, however it comes, ends the connection (fs/fuse/dev.c,
fuse_dev_release, fuse_abort_conn): every withheld request fails, and whoever waited for it wakes up.
It ends by itself when the probe or the watcher is gone, and when its time is over.
"""

from __future__ import annotations

import errno
import os
import select
import time
from dataclasses import dataclass, field
from typing import Dict, List

from probes.children.processes import Lines, exiting
from probes.kernel import syscalls
from probes.servers.fuse import protocol

_GONE_BY = (errno.EINTR, errno.EAGAIN, errno.ENOENT)  # ENOENT: the request was aborted while we read it
_ENDED_BY = (errno.ENODEV, errno.ECONNABORTED)
_TICK_MS = 50


@dataclass(frozen=True)
class Plan:
    """What a server needs to know. `control` is a socket to the probe; `watcher` a pipe from the watcher."""

    mountpoint: str
    file: protocol.File
    control: int
    watcher: int
    probe_pid: int
    withhold_seconds: float
    life_seconds: float


def serve(plan: Plan) -> None:
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = "fd=%d,rootmode=40000,user_id=%d,group_id=%d" % (fd, os.getuid(), os.getgid())
    syscalls.mount("unmigratable", plan.mountpoint, "fuse", options)
    Server(plan, fd).run()


@dataclass
class Server:
    plan: Plan
    fd: int
    withheld: List[protocol.Request] = field(default_factory=list)
    withhold: int = 0  # the opcode to sit on; 0 for none
    since: float = 0.0
    poll: select.poll = field(default_factory=select.poll)

    def run(self) -> None:
        control = Lines(self.plan.control)
        control.send({"mounted": True})
        end = time.monotonic() + self.plan.life_seconds
        for fd in (self.fd, self.plan.control, self.plan.watcher):
            self.poll.register(fd, select.POLLIN)
        while time.monotonic() < end and not exiting(self.plan.probe_pid):
            ready = {fd for fd, _ in self.poll.poll(_TICK_MS)}
            if self.plan.watcher in ready:
                return  # the watcher never writes: this is its end
            if self.plan.control in ready:
                self._obey(control)
            if control.closed:
                return
            if self.fd in ready and not self._take(control):
                return
            if self.withheld and time.monotonic() - self.since > self.plan.withhold_seconds:
                self._answer_withheld()
                control.send({"gave_up": True})

    def _obey(self, control: Lines) -> None:
        for order in control.receive():
            if "withhold" in order:
                self.withhold = int(order["withhold"])
            else:
                self._answer_withheld()
                control.send({"released": True})

    def _take(self, control: Lines) -> bool:
        """One request from the kernel; False where the connection is over."""
        try:
            request = protocol.parse(os.read(self.fd, protocol.BUFFER_BYTES))
        except OSError as error:
            return error.errno in _GONE_BY or self._aborted(error, control)
        if request.opcode != self.withhold:
            self._answer(request)
            return True
        if not self.withheld:
            self.since = time.monotonic()
        self.withheld.append(request)
        counts: Dict[str, int] = {"withheld": len(self.withheld)}
        control.send(counts)
        return True

    def _aborted(self, error: OSError, control: Lines) -> bool:
        """Did the kernel end the connection over what is withheld? The probe is told; nothing is served any more."""
        if not self.withheld or error.errno not in _ENDED_BY:
            return False
        self.withheld = []
        self.poll.unregister(self.fd)
        control.send({"aborted": True})
        return True

    def _answer_withheld(self) -> None:
        self.withhold = 0
        for request in self.withheld:
            self._answer(request)
        self.withheld = []

    def _answer(self, request: protocol.Request) -> None:
        answer = protocol.reply(request, self.plan.file, int(time.time()))
        if answer is None:
            return
        try:
            os.write(self.fd, answer)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV, errno.EINVAL):
                raise
