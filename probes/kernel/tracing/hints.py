"""The faults of NUMA balancing, which are its tries: at which pages, and what came of each.

`page_fault_user` is x86's (arch/x86/include/asm/trace/exceptions.h; include/trace/events/exceptions.h since).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Collection, Dict, Iterable, Optional

from probes.kernel.tracing.trace import Trace

SKIPPED = "sched/sched_skip_vma_numa"  # not in 6.1
EVENTS = ("exceptions/page_fault_user", "migrate/mm_migrate_pages", SKIPPED)
# `mm_migrate_pages` of one folio, as NUMA balancing has it: `nr_succeeded` is 0 or the folio's pages.
_OF_TASK = re.compile(r"-(\d{1,10}) +\[")
_FAULT = re.compile(r"page_fault_user: address=0x([0-9a-f]{1,16}) ")
_MISPLACED = re.compile(r"mm_migrate_pages: nr_succeeded=(\d{1,10}) .{0,200}?reason=numa_misplaced")
_SKIPPED_AREA = re.compile(
    r"sched_skip_vma_numa: .{0,60}?vm_start=([0-9A-F]{1,16}) vm_end=([0-9A-F]{1,16}) reason=(\w+)"
)


class BalancingTrace(Trace):
    """Of a task and the threads that it starts, read as it fills."""

    with_threads = True
    buffer_kib = 8192
    file, flags = "trace_pipe", os.O_NONBLOCK  # what was read is gone: an attempt of seconds makes 30 000 lines

    def skip(self) -> None:
        self._read()
        self.nr_lost = 0

    def new(self) -> str:
        lines, _, self.nr_lost = self._read()
        return "\n".join(lines)


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


def most_skipped(text: str, addresses: Collection[int]) -> int:
    """How often the mapping of one of these addresses was passed by, of that which was most often."""
    spans = [(int(start, 16), int(end, 16)) for start, end, _ in _SKIPPED_AREA.findall(text)]
    return max((sum(1 for start, end in spans if start <= address < end) for address in addresses), default=0)
