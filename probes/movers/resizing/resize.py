"""In the mover's process: ask the lab to resize the guest's virtio-mem device, and watch the driver do it.

The hypervisor sets a size, and the driver's work (drivers/virtio/virtio_mem.c, virtio_mem_run_wq, 6.1 to 7.3) adds or
empties memory until it is that size. What it could not empty it leaves, and tries again after 50 s or more
(VIRTIO_MEM_RETRY_TIMER_MIN_MS). So an attempt is over when the work is done and not queued again.
"""

from __future__ import annotations

import errno
import os
import re
import time
from typing import Any, Callable, Dict, Optional

from probes.kernel.syscalls import PAGE
from probes.kernel.tracing.work import Work, WorkTrace

PORT = "/dev/ttyS1"  # where the lab reads; the first program of its guests writes there too
NONE, ALL = "none", "all"
_ASK = "\n@@unmig ask virtio_mem %s\n"  # probes/lab/qmp.py; on a line of its own, whatever was being written
_DRIVER_WORK = "virtio_mem_run_wq"
_UNANSWERED_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_QUIET_LOOKS = 4


class Resizer:
    """`tell` takes something to whoever gave the order, meanwhile; `stop` says whether they want it to end."""

    def __init__(self, tell: Callable[[Dict[str, Any]], None], stop: Callable[[], bool]) -> None:
        self.tell = tell
        self.stop = stop
        self._trace: Optional[WorkTrace] = None

    def resize(self, order: Dict[str, Any]) -> Dict[str, Any]:
        """Ask for `order["state"]`, tell who does it, and return once the driver has done what it can.

        Asked to stop, it asks for all of it back: the driver looks for a new size between its tries. It is looked at
        then for a minute at most, and may be told no second time.
        """
        self._trace = trace = self._trace or WorkTrace()
        work, stopped = Work(_DRIVER_WORK), False
        trace.new()  # what came before
        _ask(order["state"])
        try:
            self._watch(trace, work)
        except InterruptedError:
            stopped = True
            _ask(ALL)
            self._watch(trace, work, stopping=True)
        return {
            "left_bytes": managed_bytes(order["node"]),
            "device_bytes": device_bytes(),
            "stopped": stopped,
            "pass_seconds": work.seconds,
            "migrate_calls": work.calls,
            "nr_calls_failed": work.nr_calls_failed,
            "not_had": work.not_had,
        }

    def _watch(self, trace: WorkTrace, work: Work, stopping: bool = False) -> None:
        end = time.monotonic() + _UNANSWERED_SECONDS
        quiet, nr_told = 0, 0
        while quiet < _QUIET_LOOKS:
            work.take(trace.new())
            if work.nr_begun > nr_told and work.pid is not None:
                nr_told = work.nr_begun
                self.tell({"watched": work.pid})
            if not stopping and self.stop():
                raise InterruptedError(errno.EINTR, "asked to stop")
            if time.monotonic() > end and not work.nr_queued:
                raise OSError(errno.ETIMEDOUT, "nobody has resized the device")
            if time.monotonic() > end and stopping:
                raise OSError(errno.ETIMEDOUT, "the driver has not filled the device again")
            quiet = quiet + 1 if work.idle() else 0
            time.sleep(_LOOK_SECONDS)


def _ask(state: str) -> None:
    fd = os.open(PORT, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        os.write(fd, (_ASK % state).encode())
    finally:
        os.close(fd)


def managed_bytes(node: int) -> int:
    """What the page allocator has of the node's ZONE_MOVABLE. A subblock that was given back is not managed, even where
    the rest of its memory block is."""
    with open("/proc/zoneinfo", encoding="ascii") as zoneinfo:
        return managed(zoneinfo.read(), node) * PAGE


def device_bytes() -> int:
    """How large the device is, full or not (drivers/virtio/virtio_mem.c, virtio_mem_create_resource). Only root sees
    the addresses."""
    with open("/proc/iomem", encoding="ascii") as iomem:
        return spanned(iomem.read())


def spanned(text: str) -> int:
    """Of the regions that a virtio device has for itself, of /proc/iomem."""
    found = re.findall(r"(?m)^ *([0-9a-f]+)-([0-9a-f]+) : virtio\d+$", text)
    return sum(int(end, 16) - int(start, 16) + 1 for start, end in found)


def managed(text: str, node: int) -> int:
    """Pages managed in the ZONE_MOVABLE of a node, of /proc/zoneinfo."""
    found = re.search(r"(?ms)^Node %d, zone +Movable$(.*?)(?=^Node |\Z)" % node, text)
    number = re.search(r"(?m)^ +managed +(\d+)", found[1]) if found else None
    return int(number[1]) if number else 0
