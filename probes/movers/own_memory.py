"""Movers that move memory of the task that calls: mbind(2), and a long-term pin, which moves it out first.

The task is a thread of the run's own process, since the pages are the run's. It may sleep in D meanwhile. Up
to 6.1 mbind(2) would then keep the run from all page faults (mm/mempolicy.c, do_mbind), so it is not tried there.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from typing import Any, Callable, Collection, Dict, Optional, Sequence

from probes.errors import CannotRun
from probes.kernel import syscalls
from probes.kernel.counters import difference, vmstat
from probes.kernel.uring import RegisteredBuffers
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.guest import movable_zone
from probes.movers.usual import MovePages, Mover

_LETS_GO_FIRST = (6, 12)  # the oldest tree that was read in which mbind(2) migrates without the lock


class OwnThread(MoverChild):
    """Looks to a run like the process that makes its attempts. `look` is that one's, which may be root's."""

    def __init__(self, child: MoverChild) -> None:
        self.child = child.child
        self.look = child.look
        self.watched = child.watched
        self.trace = None
        self.began, self.busy = 0.0, False
        self.answer: Dict[str, Any] = {}
        self._thread: Optional[threading.Thread] = None

    def do(self, act: Callable[[], None], seconds: float, check: Callable[[], None]) -> Attempt:
        before = vmstat()
        started = threading.Event()

        def main() -> None:
            self.watched = threading.get_native_id()
            started.set()
            act()

        self._thread = threading.Thread(target=main, daemon=True)
        self.began, self.busy = time.monotonic(), True
        self._thread.start()
        started.wait()
        took = self.wait(seconds, check)
        blocked = None if took is not None else self.look(self.watched)
        return Attempt(took, blocked, difference(before, vmstat()))

    def wait(self, seconds: float, check: Callable[[], None]) -> Optional[float]:
        end = time.monotonic() + seconds
        while self._thread is not None and self._thread.is_alive():
            if time.monotonic() > end:
                return None
            check()
            self._thread.join(0.05)
        self.busy = False
        return time.monotonic() - self.began


class Mbind(MovePages):
    name = "mbind"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if _base() < _LETS_GO_FIRST:
            raise CannotRun("mbind(2) of this kernel may keep its own task from every page fault while it sleeps")
        self.own = OwnThread(child)
        self.child = self.own

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        here = syscalls.nodes_of(addresses[-1:])[0]
        there = self.nodes[1] if here == self.nodes[0] else self.nodes[0]

        def act() -> None:
            for address in addresses:
                syscalls.bind_range(address, syscalls.PAGE, there, moves=True)

        return self.own.do(act, seconds, check)


class LongtermPin(Mover):
    """Pins each page with FOLL_LONGTERM, and lets go again. Where they are then tells whether it moved them."""

    name = "longterm_pin"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        self.own = OwnThread(child)
        self.child = self.own
        self.node, self.zone = movable_zone()
        self.buffers = RegisteredBuffers()
        self.buffers.open()
        self.errnos: Dict[str, int] = {}

    def stage(self, nr_pages: int) -> None:
        syscalls.bind_memory(self.node)

    def steer(self, nr_pages: int) -> Collection[int]:
        syscalls.bind_memory(self.node)
        return range(self.zone.start, self.zone.end)

    def fits(self, frames: Sequence[int]) -> bool:
        return bool(frames) and all(self.zone.start <= frame < self.zone.end for frame in frames)

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        syscalls.bind_memory(None)  # what has to leave this zone has to find room elsewhere

        def act() -> None:
            for address in addresses:
                try:
                    self.buffers.pin([address])
                    self.buffers.unpin()
                except OSError as error:  # that it does not succeed is what may be seen
                    name = errno.errorcode.get(error.errno or 0, "other")
                    self.errnos[name] = self.errnos.get(name, 0) + 1

        return self.own.do(act, seconds, check)

    def facts(self) -> Dict[str, Any]:
        return {"pins_refused": ", ".join("%s %d" % pair for pair in sorted(self.errnos.items())) or "none"}

    def close(self) -> None:
        self.buffers.close()
        syscalls.bind_memory(None)


def _base() -> "tuple[int, ...]":
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
