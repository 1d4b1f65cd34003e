"""The process that asks the kernel to migrate pages, and may end up in D for it.

It is forked before any FUSE file is open and used for every attempt: one forked during the hold would
inherit the withheld file, and its exit would wait for it.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Set

from probes import kernel
from probes.errors import Disturbed
from probes.processes import Blocked, Child, Lines, look_at, start

COMPACT_MEMORY = "/proc/sys/vm/compact_memory"
VMSTAT = (
    "pgmigrate_success", "pgmigrate_fail", "compact_isolated", "compact_fail", "compact_success", "compact_stall",
    "nr_foll_pin_acquired", "nr_foll_pin_released", "nr_writeback", "nr_writeback_temp", "nr_dirty",
    "nr_isolated_anon", "nr_isolated_file",
)  # fmt: skip


@dataclass(frozen=True)
class Attempt:
    """One request for migration. `seconds` is None where it had not come back, `blocked` then tells why."""

    seconds: Optional[float]
    blocked: Optional[Blocked]
    vmstat: Dict[str, int]

    @property
    def returned(self) -> bool:
        return self.seconds is not None


class MoverChild:
    """The process that makes the attempts, one at a time."""

    def __init__(self, cpus: Set[int]) -> None:
        mine, its = socket.socketpair()
        ours, theirs = mine.detach(), its.detach()
        self.child: Child = start("unmig-move", lambda: _serve(theirs), [theirs], cpus)
        os.close(theirs)
        self.lines = Lines(ours)
        self.began = 0.0
        self.busy = False

    def ask(self, order: Dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        """Send an order, and wait up to `seconds` for its end. `check` is called meanwhile and may raise."""
        before = vmstat()
        self.began, self.busy = time.monotonic(), True
        self.lines.send(order)
        took = self.wait(seconds, check)
        blocked = None if took is not None else look_at(self.child.pid)
        return Attempt(took, blocked, difference(before, vmstat()))

    def wait(self, seconds: float, check: Callable[[], None]) -> Optional[float]:
        """Seconds from the order to its end, None where it has not ended yet."""
        end = time.monotonic() + seconds
        while self.busy:
            left = end - time.monotonic()
            if left <= 0:
                return None
            for answer in self.lines.receive(min(left, 0.05)):
                self.busy = False
                if "error" in answer:
                    raise Disturbed("the mover failed: %s" % answer["error"])
            if self.lines.closed:
                raise Disturbed("the mover's process ended (%s)" % self._fate())
            check()
        return time.monotonic() - self.began

    def close(self) -> bool:
        """False where it still sleeps in D."""
        os.close(self.lines.fd)
        return self.child.end()

    def _fate(self) -> str:
        self.child.wait(1.0)
        return self.child.how_it_ended()


def _serve(fd: int) -> None:
    lines = Lines(fd)
    while not lines.closed:
        for order in lines.receive(60.0):
            try:
                _DO[order["mover"]](order)
                lines.send({"done": True})
            except OSError as error:
                lines.send({"error": str(error)})


def _compact(order: Dict[str, Any]) -> None:
    fd = os.open(COMPACT_MEMORY, os.O_WRONLY)
    try:
        os.write(fd, b"1")
    finally:
        os.close(fd)


def _move(order: Dict[str, Any]) -> None:
    kernel.move_pages(order["pid"], order["addresses"], order["node"])


_DO: Dict[str, Callable[[Dict[str, Any]], None]] = {"compaction": _compact, "move_pages": _move}


def vmstat() -> Dict[str, int]:
    with open("/proc/vmstat", encoding="ascii") as table:
        pairs = (line.split() for line in table)
        return {name: int(value) for name, value in pairs if name in VMSTAT}


def difference(before: Dict[str, int], after: Dict[str, int]) -> Dict[str, int]:
    """What changed; what did not is left out."""
    return {name: after[name] - before[name] for name in after if name in before and after[name] != before[name]}
