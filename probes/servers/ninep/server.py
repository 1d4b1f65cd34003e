"""The process that answers 9P requests, or withholds the answers for a bounded time.

It alone has the other end of the client's socket, so its death, however it comes, ends the connection
(net/9p/trans_fd.c, p9_read_work, p9_conn_cancel): every withheld request fails, and who waited wakes up.
It ends by itself when the probe or the watcher is gone, and when its time is over.
"""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass, field
from typing import List

from probes.children.processes import Lines, exiting
from probes.servers.ninep import protocol
from probes.servers.ninep.protocol import Messages, Request, Served

_TICK_MS = 50


@dataclass(frozen=True)
class Plan:
    """`client`: the server's end of the connection. The rest as in `probes.servers.fuse.server`."""

    client: int
    size_bytes: int
    control: int
    watcher: int
    probe_pid: int
    withhold_seconds: float
    life_seconds: float


def serve(plan: Plan) -> None:
    Server(plan, Served(plan.size_bytes)).run()


@dataclass
class Server:
    plan: Plan
    served: Served
    messages: Messages = field(default_factory=Messages)
    withheld: List[Request] = field(default_factory=list)
    withhold: int = 0  # the type of message to sit on; 0 for none
    since: float = 0.0

    def run(self) -> None:
        control = Lines(self.plan.control)
        control.send({"serving": True})
        end = time.monotonic() + self.plan.life_seconds
        poll = select.poll()
        for fd in (self.plan.client, self.plan.control, self.plan.watcher):
            poll.register(fd, select.POLLIN)
        while time.monotonic() < end and not exiting(self.plan.probe_pid):
            ready = {fd for fd, _ in poll.poll(_TICK_MS)}
            if self.plan.watcher in ready:
                return  # the watcher never writes: this is its end
            if self.plan.control in ready:
                self._obey(control)
            if control.closed:
                return
            if self.plan.client in ready and not self._take(control):
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
        """What the client has sent; False where the connection is over."""
        data = os.read(self.plan.client, protocol.MESSAGE_BYTES)
        for request in self.messages.cut(data):
            if request.type == protocol.FLUSH:  # the client no longer waits for that one
                gone = protocol.flushed(request)
                self.withheld = [waiting for waiting in self.withheld if waiting.tag != gone]
            if request.type != self.withhold:
                self._answer(request)
                continue
            if not self.withheld:
                self.since = time.monotonic()
            self.withheld.append(request)
            control.send({"withheld": len(self.withheld)})
        return bool(data)

    def _answer_withheld(self) -> None:
        self.withhold = 0
        for request in self.withheld:
            self._answer(request)
        self.withheld = []

    def _answer(self, request: Request) -> None:
        data = self.served.reply(request)
        while data:
            data = data[os.write(self.plan.client, data) :]
