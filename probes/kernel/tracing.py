"""What a mover met and in which mode it migrated, from the kernel's own tracepoints.

A mover that comes back has either skipped the target or never met it. `mm_compaction_isolate_migratepages` names the
frames that were scanned (include/trace/events/compaction.h; `range=(0x… ~ 0x…)` in 6.1 to 7.3), so it tells the two
apart; of NUMA balancing, whose tries are page faults, `page_fault_user` names the address. Only for guests: an instance
of tracefs of our own, for one task.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Collection, Dict, Iterable, List, Optional, Tuple

from probes.errors import CannotRun

_TRACING = "/sys/kernel/tracing"
_INSTANCE = _TRACING + "/instances/unmigratable"
_SCANNED = re.compile(r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
_MIGRATED = re.compile(r"mm_migrate_pages(?:_start)?: .{0,300}?mode=(\w{1,40}) reason=(\w{1,40})")
# `mm_migrate_pages` of one folio, as NUMA balancing has it: `nr_succeeded` is 0 or the folio's pages.
_OF_TASK = re.compile(r"-(\d{1,10}) +\[")
_FAULT = re.compile(r"page_fault_user: address=0x([0-9a-f]{1,16}) ")
_MISPLACED = re.compile(r"mm_migrate_pages: nr_succeeded=(\d{1,10}) .{0,200}?reason=numa_misplaced")
_SKIPPED_AREA = re.compile(
    r"sched_skip_vma_numa: .{0,60}?vm_start=([0-9A-F]{1,16}) vm_end=([0-9A-F]{1,16}) reason=(\w+)"
)


class Trace:
    """Opened while privileged: read later through the same descriptor, whoever the run's process is by then."""

    needs = ""
    events: Tuple[str, ...] = ()
    with_threads = False  # those too that the task starts from then on
    file, flags = "trace", 0
    buffer_kib = 0  # of each CPU; 0: as it is

    def __init__(self, pid: int) -> None:
        if not os.path.isdir("%s/events/%s" % (_TRACING, self.needs)):
            raise CannotRun("this kernel has no tracepoints %s at %s" % (self.needs, _TRACING))
        os.makedirs(_INSTANCE, exist_ok=True)
        _write("options/event-fork", str(int(self.with_threads)))
        _write("set_event_pid", str(pid))
        for event in self.events:
            if os.path.isdir("%s/events/%s" % (_INSTANCE, event)):
                _write("events/%s/enable" % event, "1")
        if self.buffer_kib:
            _write("buffer_size_kb", str(self.buffer_kib))
        os.close(os.open(_INSTANCE + "/trace", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC))  # what earlier runs left
        self._fd = os.open("%s/%s" % (_INSTANCE, self.file), os.O_RDONLY | os.O_CLOEXEC | self.flags)
        self._seen = 0

    def skip(self) -> None:
        """What was traced so far is of no interest."""
        self._seen = len(self._lines())

    def new(self) -> str:
        """What was traced since `skip`."""
        return "\n".join(self._lines()[self._seen :])

    def _lines(self) -> List[str]:
        if not self.flags:
            os.lseek(self._fd, 0, os.SEEK_SET)
        parts = []
        while True:
            try:
                part = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                break
            if not part:
                break
            parts.append(part)
        text = b"".join(parts).decode("ascii", "replace")
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def close(self) -> None:
        os.close(self._fd)


class CompactionTrace(Trace):
    needs = "compaction"
    events = (
        "compaction/mm_compaction_isolate_migratepages",
        "migrate/mm_migrate_pages_start",
        "migrate/mm_migrate_pages",
    )


class BalancingTrace(Trace):
    """`page_fault_user` is x86's (arch/x86/include/asm/trace/exceptions.h; include/trace/events/exceptions.h since)."""

    needs = "exceptions/page_fault_user"
    events = ("exceptions/page_fault_user", "migrate/mm_migrate_pages", "sched/sched_skip_vma_numa")
    with_threads = True
    buffer_kib = 8192
    file, flags = "trace_pipe", os.O_NONBLOCK  # what was read is gone: an attempt of seconds makes 30 000 lines

    def skip(self) -> None:
        self._lines()

    def new(self) -> str:
        return "\n".join(self._lines())


def _write(name: str, text: str) -> None:
    with open("%s/%s" % (_INSTANCE, name), "w", encoding="ascii") as file:
        file.write(text)


def scanned(text: str) -> List[Tuple[int, int]]:
    """The ranges of frames that were scanned for something to migrate, each with its end excluded."""
    return [(int(first, 16), int(end, 16)) for first, end in _SCANNED.findall(text)]


def nr_scanned(text: str, frames: Iterable[int]) -> int:
    """How many of these frames lie in a range that was scanned."""
    ranges = scanned(text)
    return sum(1 for frame in frames if any(first <= frame < end for first, end in ranges))


def modes(text: str) -> Dict[str, int]:
    """How often pages were migrated in which mode and for which reason, in the kernel's own words."""
    found: Dict[str, int] = {}
    for mode, reason in _MIGRATED.findall(text):
        name = "%s %s" % (mode, reason)
        found[name] = found.get(name, 0) + 1
    return found


@dataclass
class Hints:
    """What a task's faults at one page came to. `nr_faults`: on entries that balancing had marked, where the page was
    mapped before. Each is followed by up to one try to migrate."""

    nr_faults: int = 0
    nr_moved: int = 0
    nr_failed: int = 0


def of_tasks(text: str, tasks: Collection[int]) -> str:
    """The lines of these tasks: ` unmig-run-133   [000] d....  8.000355: …`."""
    found = ((_OF_TASK.search(line), line) for line in text.splitlines())
    return "\n".join(line for task, line in found if task is not None and int(task[1]) in tasks)


def hints(text: str, addresses: Iterable[int], page_bytes: int) -> Dict[int, Hints]:
    """Of each of these pages, the faults that were traced, and what the migration in each of them came to.

    A fault and what it migrates are of one task, one after the other (mm/memory.c, do_numa_page).
    """
    found = {address: Hints() for address in addresses}
    latest: Dict[str, Optional[Hints]] = {}
    for line in text.splitlines():
        task, fault, migrated = _OF_TASK.search(line), _FAULT.search(line), _MISPLACED.search(line)
        if task is not None and fault is not None:
            at = latest[task[1]] = found.get(int(fault[1], 16) // page_bytes * page_bytes)
            if at is not None:
                at.nr_faults += 1
        elif task is not None and migrated is not None:
            at = latest.get(task[1])
            if at is not None and int(migrated[1]):
                at.nr_moved += 1
            elif at is not None:
                at.nr_failed += 1
    return found


def skipped_areas(text: str, addresses: Collection[int]) -> Dict[str, int]:
    """Why balancing passed by the mappings that have these addresses, and how often, in the kernel's words."""
    found: Dict[str, int] = {}
    for start, end, reason in _SKIPPED_AREA.findall(text):
        if any(int(start, 16) <= address < int(end, 16) for address in addresses):
            found[reason] = found.get(reason, 0) + 1
    return found
