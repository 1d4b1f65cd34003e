"""The process that asks the kernel to migrate pages, and may end up in D for it.

It is forked before any FUSE file is open and used for every attempt: one forked during the hold would
inherit the withheld file, and its exit would wait for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Optional, Set

from probes.children.processes import Blocked, Child, Lines, look_at, start
from probes.errors import Disturbed
from probes.kernel import syscalls
from probes.kernel.counters import difference, vmstat
from probes.kernel.tracing.trace import Trace
from probes.movers.demoting import cold
from probes.movers.resizing import resize

COMPACT_MEMORY = "/proc/sys/vm/compact_memory"


PROACTIVENESS = "/proc/sys/vm/compaction_proactiveness"


THP = "/sys/kernel/mm/transparent_hugepage/"


FULL_SCANS, SCAN_SLEEP = THP + "khugepaged/full_scans", THP + "khugepaged/scan_sleep_millisecs"


BLOCK_STATE = "/sys/devices/system/memory/memory%d/state"


SOFT_OFFLINE = "/sys/devices/system/memory/soft_offline_page"


HUGE = "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages"


GIGANTIC = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"


BALANCING = "/proc/sys/kernel/numa_balancing"


# Files of debugfs since 5.13, sysctls before (kernel/sched/debug.c, sched_init_debug).
_BALANCING_PACE = "/sys/kernel/debug/sched/numa_balancing/%s"


_Act = Callable[[Dict[str, Any]], Optional[Dict[str, Any]]]
_END_SECONDS = 1.0
_LOOKS_AT_REST = 5
_HUGE_PAGES = (2 << 20) // syscalls.PAGE
_BETWEEN_SCANS_MSECS = 20


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
        self.look: Callable[[int], Optional[Blocked]] = look_at
        self.began = 0.0
        self.busy = False
        self.answer: Dict[str, Any] = {}
        # Who migrates: this process, but where the kernel does it in a thread of its own. And what is traced of it.
        self.watched = self.child.pid
        self.trace: Optional[Trace] = None

    def ask(self, order: Dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        """Send an order, and wait up to `seconds` for its end. `check` is called meanwhile and may raise."""
        if self.busy:  # it would answer the order before, and that would be taken for the end of this one
            raise Disturbed("the mover has not come back from the order before")
        before = vmstat()
        self.answer = {}
        self.began, self.busy = time.monotonic(), True
        self.lines.send(order)
        took = self.wait(seconds, check)
        blocked = None if took is not None else self.look(self.watched)
        return Attempt(took, blocked, difference(before, vmstat()))

    def wait(self, seconds: float, check: Callable[[], None]) -> Optional[float]:
        """Seconds from the order to its end, None where it has not ended yet."""
        end = time.monotonic() + seconds
        while self.busy:
            left = end - time.monotonic()
            if left <= 0:
                return None
            for answer in self.lines.receive(min(left, 0.05)):
                if "watched" in answer:  # the order is under way, in a task that nobody knew before
                    self.watched = answer["watched"]
                    continue
                self.busy, self.answer = False, answer
                if "error" in answer:
                    raise Disturbed("the mover failed: %s" % answer["error"])
            if self.lines.closed:
                raise Disturbed("the mover's process ended (%s)" % self._fate())
            check()
        return time.monotonic() - self.began

    def interrupt(self) -> None:
        """Ask it to stop; only what minds a signal does, or where we may send it none, a line."""
        try:
            os.kill(self.child.pid, signal.SIGUSR1)
        except PermissionError:  # it is root's, and we no longer are
            self.lines.send({"stop": True})

    def close(self) -> bool:
        """False where it still sleeps in D. It ends by itself when nobody is there to give orders."""
        os.close(self.lines.fd)
        return self.child.wait(_END_SECONDS) or self.child.end()

    def _fate(self) -> str:
        self.child.wait(1.0)
        return self.child.how_it_ended()


class _Stop:
    """Turns SIGUSR1 into an error of the order that is being carried out, and into nothing between orders.

    An order that looks itself (`asked`) gets no error: that would come amid its reading, and lose what it has read.
    """

    def __init__(self) -> None:
        self.working = self.asked = False
        signal.signal(signal.SIGUSR1, self._signalled)

    def _signalled(self, number: int, frame: Optional[FrameType]) -> None:
        self.asked = True
        if self.working:
            raise InterruptedError(errno.EINTR, "asked to stop")

    @contextlib.contextmanager
    def heeded(self, looks: bool) -> Iterator[None]:
        self.working, self.asked = not looks, False
        try:
            yield
        finally:
            self.working = False


def _serve(fd: int) -> None:
    lines, stop = Lines(fd), _Stop()
    resizer = resize.Resizer(lines.send, lambda: stop.asked or any("stop" in each for each in lines.receive()))
    acts: Dict[str, _Act] = {**_DO, "virtio_mem": resizer.resize}
    while not lines.closed:
        for order in lines.receive(60.0):
            if "stop" in order:  # it came too late
                continue
            try:
                with stop.heeded(looks=order["mover"] == "virtio_mem"):
                    answer = acts[order["mover"]](order) or {}
                lines.send({"done": True, **answer})
            except OSError as error:
                lines.send({"error": str(error)})


def _compact(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    fd = os.open(COMPACT_MEMORY, os.O_WRONLY)
    try:
        os.write(fd, b"1")
    finally:
        os.close(fd)
    return None


def _kcompactd(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Wake the kernel's thread, and wait until it is back where it waits for work.

    Any write wakes it (mm/compaction.c, compaction_proactiveness_sysctl_handler); 0 afterwards, so that it does
    nothing by itself between attempts.
    """
    _try_write(PROACTIVENESS, "100")
    at_rest = 0
    while at_rest < _LOOKS_AT_REST:
        time.sleep(0.02)
        seen = look_at(order["pid"])
        at_rest = at_rest + 1 if seen is not None and seen.state == "S" and seen.wchan == "kcompactd" else 0
    _try_write(PROACTIVENESS, "0")
    return None


def _direct_compaction(order: Dict[str, Any]) -> Dict[str, Any]:
    """Touch memory that wants huge pages, `nr_faults` times; how many there were. What cannot be had becomes a single
    page. Of each huge page all but the first is given back: the kernel splits it where it wants memory (its shrinker of
    deferred splits), so that the guest has some, and none of it in one piece."""
    huge_bytes = _HUGE_PAGES * syscalls.PAGE
    nr_pages = (order["nr_faults"] + 1) * _HUGE_PAGES
    address = syscalls.map_pages(nr_pages)
    syscalls.advise(address, nr_pages, syscalls.MADV_HUGEPAGE)
    aligned = (address + huge_bytes - 1) // huge_bytes * huge_bytes
    before = vmstat()
    try:
        for index in range(order["nr_faults"]):
            place = aligned + index * huge_bytes
            syscalls.fill(place, 1)
            syscalls.advise(place + syscalls.PAGE, _HUGE_PAGES - 1, syscalls.MADV_DONTNEED)
        found = difference(before, vmstat()).get("thp_fault_alloc", 0)
    finally:
        syscalls.unmap_pages(address, nr_pages)
    return {"nr_huge": found}


def _settings(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Write what has to be set for a mover. What cannot be written is told by what comes of it."""
    for path, text in order["settings"]:
        _try_write(path, text)
    return None


def _khugepaged(order: Dict[str, Any]) -> Dict[str, Any]:
    """Wake the kernel's thread, and wait until it has come to the end of all that is registered, so many times.

    A write of how long it sleeps between scans wakes it (mm/khugepaged.c, __sleep_millisecs_store). Afterwards it is
    as it was: by default 10 s, in which it does nothing of its own.
    """
    began, slept, end = _number(FULL_SCANS), _number(SCAN_SLEEP), time.monotonic() + order["seconds"]
    _try_write(SCAN_SLEEP, str(_BETWEEN_SCANS_MSECS))
    try:
        while _number(FULL_SCANS) - began < order["nr_scans"]:
            if time.monotonic() >= end:
                raise OSError(errno.ETIMEDOUT, "khugepaged did not come to an end of its scans")
            time.sleep(0.02)
    finally:
        _try_write(SCAN_SLEEP, str(slept))
    return {"nr_full_scans": _number(FULL_SCANS) - began}


def _number(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return int(file.read())


def _move(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    for addresses in order["requests"]:
        try:
            syscalls.move_pages(order["pid"], addresses, order["node"])
        except OSError as error:  # that there was no memory to move to is a result; where the pages are tells
            if error.errno != errno.ENOMEM:
                raise
    return None


def _offline(order: Dict[str, Any]) -> Dict[str, Any]:
    """Take memory blocks offline, one after the other, as far as that goes."""
    done: List[int] = []
    for block in order["blocks"]:
        number = _try_write(BLOCK_STATE % block, "offline")
        if number:
            return {"offline": done, "errno": number}
        done.append(block)
    return {"offline": done}


def _soft_offline(order: Dict[str, Any]) -> Dict[str, Any]:
    """Soft-offline each frame; the errno of those that would not."""
    tried = [_try_write(SOFT_OFFLINE, "0x%x" % (frame * syscalls.PAGE)) for frame in order["frames"]]
    return {"nr_soft_offline": tried.count(0), "errnos": sorted({number for number in tried if number})}


def _numa_balancing(order: Dict[str, Any]) -> Dict[str, Any]:
    """Switch balancing on or off, with its pace; how it was, and what could not be set."""
    was: Dict[str, Any] = {"on": _number(BALANCING), "pace": {}}
    for name in order["pace"]:
        with contextlib.suppress(OSError):
            was["pace"][name] = _number(_BALANCING_PACE % name)
    wanted = [(_BALANCING_PACE % name, value) for name, value in order["pace"].items()]
    wanted.append((BALANCING, int(order["on"])))
    return {"was": was, "not_set": [path for path, value in wanted if _try_write(path, str(value))]}


def _cma(order: Dict[str, Any]) -> Dict[str, Any]:
    number = _try_write(GIGANTIC, "1")
    with open(GIGANTIC, encoding="ascii") as pool:
        return {"nr_gigantic": int(pool.read()), "errno": number}


def _order9(order: Dict[str, Any]) -> Dict[str, Any]:
    """As many huge pages of order 9 as can be had on a node, up to a number; how many there are then."""
    number = _try_write(HUGE % order["node"], str(order["nr"]))
    with open(HUGE % order["node"], encoding="ascii") as pool:
        return {"nr_order9": int(pool.read()), "errno": number}


def _split(order: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Cut files off, each in the middle of a large folio."""
    for path, size_bytes in order["cuts"]:
        os.truncate(path, size_bytes)
    return None


def _try_write(path: str, text: str) -> int:
    """0, or the errno: here a failure is the result that was asked for."""
    try:
        fd = os.open(path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


_DO: Dict[str, _Act] = {
    "compaction": _compact,
    "kcompactd": _kcompactd,
    "direct_compaction": _direct_compaction,
    "settings": _settings,
    "khugepaged": _khugepaged,
    "demotion": cold.demotion,
    "move_pages": _move,
    "offline": _offline,
    "soft_offline": _soft_offline,
    "numa_balancing": _numa_balancing,
    "cma": _cma,
    "order9": _order9,
    "split": _split,
}
