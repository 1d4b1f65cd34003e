"""The process that answers for a block device, or withholds its answers for a bounded time.

A thread of it keeps the device running (NBD_DO_IT), and it alone has the other end of its socket. So its death,
however it comes, ends the device (drivers/block/nbd.c, nbd_start_device_ioctl): what it withheld fails, and who waited
wakes up. It ends by itself when the probe or the watcher is gone, and when its time is over.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import threading
import time
from dataclasses import dataclass, field
from typing import List

from probes.children.processes import Lines, exiting
from probes.servers.nbd import protocol
from probes.servers.nbd.protocol import Request, Requests

_SET_SOCK, _SET_BLKSIZE, _DO_IT, _SET_SIZE_BLOCKS, _SET_FLAGS = 0xAB00, 0xAB01, 0xAB03, 0xAB07, 0xAB0A
_HAS_FLAGS = 1
BLOCK_BYTES = 4096
_READ_BYTES = 1 << 17
_TICK_MS = 50


@dataclass(frozen=True)
class Plan:
    """`device`: its path. `client`: the kernel's end of the connection, `answers` ours. `backing`: a file with what is
    on the device. The rest as in `probes.servers.fuse.server`."""

    device: str
    client: int
    answers: int
    backing: int
    control: int
    watcher: int
    probe_pid: int
    withhold_seconds: float
    life_seconds: float


def serve(plan: Plan) -> None:
    device = os.open(plan.device, os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, _SET_BLKSIZE, BLOCK_BYTES)
    fcntl.ioctl(device, _SET_SIZE_BLOCKS, os.fstat(plan.backing).st_size // BLOCK_BYTES)
    fcntl.ioctl(device, _SET_FLAGS, _HAS_FLAGS)
    fcntl.ioctl(device, _SET_SOCK, plan.client)
    threading.Thread(target=_keep_running, args=(device,), daemon=True).start()
    while not os.path.exists("/sys/block/%s/pid" % os.path.basename(plan.device)):
        time.sleep(0.01)  # begin() has a clock for this
    Server(plan).run()


def _keep_running(device: int) -> None:
    with contextlib.suppress(OSError):  # how it ends is of no interest
        fcntl.ioctl(device, _DO_IT)


@dataclass
class Server:
    plan: Plan
    requests: Requests = field(default_factory=Requests)
    withheld: List[Request] = field(default_factory=list)
    withhold: int = 0  # the kind of request to sit on; 0 for none, since reads are never withheld
    since: float = 0.0

    def run(self) -> None:
        control = Lines(self.plan.control)
        control.send({"serving": True})
        end = time.monotonic() + self.plan.life_seconds
        poll = select.poll()
        for fd in (self.plan.answers, self.plan.control, self.plan.watcher):
            poll.register(fd, select.POLLIN)
        while time.monotonic() < end and not exiting(self.plan.probe_pid):
            ready = {fd for fd, _ in poll.poll(_TICK_MS)}
            if self.plan.watcher in ready:
                return  # the watcher never writes: this is its end
            if self.plan.control in ready:
                self._obey(control)
            if control.closed:
                return
            if self.plan.answers in ready and not self._take(control):
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
        """What the kernel has sent; False where the device is over."""
        data = os.read(self.plan.answers, _READ_BYTES)
        for request in self.requests.cut(data):
            if request.kind == protocol.DISCONNECT:
                return False
            if not self.withhold or request.kind != self.withhold:
                self._answer(request)
                continue
            if not self.withheld:
                self.since = time.monotonic()
            self.withheld.append(request)
            # In blocks: the block layer makes one request of neighbours where it can.
            control.send({"withheld": sum(waiting.nr_bytes for waiting in self.withheld) // BLOCK_BYTES})
        return bool(data)

    def _answer_withheld(self) -> None:
        self.withhold = 0
        for request in self.withheld:
            self._answer(request)
        self.withheld = []

    def _answer(self, request: Request) -> None:
        if request.kind == protocol.READ:
            data = protocol.reply(request, os.pread(self.plan.backing, request.nr_bytes, request.start))
        elif request.kind == protocol.WRITE:
            os.pwrite(self.plan.backing, request.data, request.start)
            data = protocol.reply(request)
        else:
            data = protocol.refused(request)
        while data:
            data = data[os.write(self.plan.answers, data) :]
