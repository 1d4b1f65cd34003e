"""NUMA balancing: a task finds pages on another node than its own, and a fault brings each of them to it.

The scanner marks entries of a task's page tables (kernel/sched/fair.c, task_numa_work; mm/mprotect.c, change_pte_range)
each time that the task has used some CPU. The next access to a marked page is a fault, which migrates it to the node of
that CPU (mm/memory.c, do_numa_page; mm/migrate.c, migrate_misplaced_folio; MIGRATE_ASYNC). So it can pass a page by in
two ways: it does not mark it, or the fault tries and fails. Which of both is read from tracepoints, page by page.

The task is a thread of the run's own process, on a CPU of the node to which the pages are to go. The run's first thread
keeps its memory policy, with which it neither scans nor migrates, so that the hold is not disturbed.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from probes.errors import CannotRun, Disturbed
from probes.kernel import syscalls
from probes.kernel.nodes import cpu_of
from probes.kernel.tracing.hints import SKIPPED, Hints, hints, most_skipped, of_tasks, skipped_areas
from probes.kernel.tracing.migration import modes
from probes.movers.attempts import BALANCING, Attempt, MoverChild
from probes.movers.own_memory import OwnThread
from probes.movers.usual import MovePages

# A scan for each 8 ms or so of CPU, of up to 16 MiB that are there: the kernel allows 2560 MiB a second at the most
# (kernel/sched/fair.c, MAX_SCAN_WINDOW). The delay is what a new thread and a new mapping wait; since 6.6 a mapping in
# which the task had no fault for four to eight times as long is scanned more rarely (vma_is_accessed).
_PACE = {"scan_delay_ms": 200, "scan_period_min_ms": 10, "scan_period_max_ms": 10, "scan_size_mb": 16}
# A page that another thread had faults at moves at its second fault only (should_numa_migrate_memory).
_PASSES_BESIDE, _PASSES_IN_VAIN = 10, 30
_PASSES_BEYOND = 5  # so that a few may be those of the run's first thread, or pass the mapping by
_END_SECONDS = 1.0  # of an attempt: to end it before who waits for it gives up
_SWITCH_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_PASSES = re.compile(r"mm->numa_scan_seq\s*:\s*(\d+)")


@dataclass
class Seen:
    """What the traces say of one attempt. `passes`: how often the scanner came round the whole address space, in
    whichever thread. `nr_skipped`: how often it passed a mapping of the target by meanwhile, in whichever thread;
    `skipped` is the watched one's."""

    passes: int = 0
    at: Dict[int, Hints] = field(default_factory=dict)
    skipped: Dict[str, int] = field(default_factory=dict)
    modes: Dict[str, int] = field(default_factory=dict)
    nr_skipped: int = 0
    nr_lost: int = 0

    def nr_marked(self, addresses: Sequence[int]) -> int:
        return sum(1 for address in addresses if address in self.at and self.at[address].nr_faults)

    def nr_at_target(self, control: Sequence[int]) -> int:
        """In how many passes did the watched thread's scanner come to the target, at the least?

        The run's first thread marks nothing, and its passes count in the kernel like others. So there were not more of
        the watched thread's than it had faults at a page of the control: it marks that in each pass.
        """
        nr_faults = (self.at[address].nr_faults for address in control if address in self.at)
        return max(0, min(self.passes - self.nr_skipped, max(nr_faults, default=0)))

    def nr_tried(self, addresses: Sequence[int]) -> int:
        found = (self.at.get(address, Hints()) for address in addresses)
        return sum(1 for one in found if one.nr_moved or one.nr_failed)


class NumaBalancing(MovePages):
    name = "numa_balancing"

    def __init__(self, child: MoverChild) -> None:
        super().__init__(child)
        if child.trace is None:
            raise CannotRun("%s is measured with tracepoints, in a throw-away guest" % self.name)
        if not os.path.exists(BALANCING):
            raise CannotRun("this kernel has no NUMA balancing (CONFIG_NUMA_BALANCING)")
        self.cpus = {node: cpu_of(node) for node in self.nodes[:2]}
        if None in self.cpus.values():
            raise CannotRun("numa_balancing needs a CPU on each of two nodes")
        self.trace, self.switch, self.own = child.trace, child, OwnThread(child)
        self.child = self.own
        self.control: List[int] = []
        self.target: List[int] = []
        self.needs_policy: Optional[bool] = None  # not known yet
        self.was: Dict[str, Any] = {}
        self.held: Optional[Seen] = None
        self._is_held, self._passes = False, 0
        passes()  # that it can be told is known before anything is held
        self._switch(False)
        self.was = child.answer["was"]

    def protect(self, control: Sequence[int]) -> None:
        self.control = list(control)

    def note_frames(self, control: Sequence[int], target: Sequence[int]) -> None:
        self._is_held = True

    def arm(self, frames: Sequence[int]) -> None:
        """A page in a per-CPU batch is not on the LRU, and up to 6.1 its reference keeps it from being marked.
        move_pages(2) has all CPUs drain their batches first (mm/migrate.c, do_pages_move), wherever the page lies."""
        if self.control:
            syscalls.move_pages(0, self.control[:1], syscalls.nodes_of(self.control[:1])[0])

    def attempt(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> Attempt:
        self.target = [address for address in addresses if address not in self.control]
        end = time.monotonic() + seconds
        made, seen = self._balance(addresses, seconds, check)
        if self.needs_policy is None and made.returned:
            self.needs_policy = self._lacks_policy(seen)
            if self.needs_policy and time.monotonic() + 2 * _END_SECONDS < end:
                made, seen = self._balance(addresses, end - time.monotonic(), check)
        if self._is_held:
            self.held, self._is_held = seen, False
        return made

    def met_target(self) -> bool:
        """Was every page of the target marked, or has the scanner come by often enough to have marked it? It has not
        where it passed the whole mapping by, and nothing is known where events were lost."""
        seen = self.held
        if seen is None or seen.nr_lost:
            return False
        return seen.nr_marked(self.target) == len(self.target) or seen.nr_at_target(self.control) >= _PASSES_BESIDE

    def facts(self) -> Dict[str, Any]:
        seen = self.held
        if seen is None:
            return {}
        return {
            "nr_target_pages_marked": seen.nr_marked(self.target),
            "nr_target_pages_tried": seen.nr_tried(self.target),
            "nr_control_pages_marked": seen.nr_marked(self.control),
            "nr_control_pages_tried": seen.nr_tried(self.control),
            "nr_scanner_passes": seen.passes,
            "nr_scanner_passes_at_target": seen.nr_at_target(self.control),
            "mapping_of_target_skipped": _counted(seen.skipped),
            "migrate_modes_traced": _counted(seen.modes),
            **({"needed_a_policy": True} if self.needs_policy else {}),
        }

    def close(self) -> None:
        """Balancing is as it was before the run, also after an attempt that did not come back or was broken off."""
        syscalls.bind_memory(None)
        if self.was and not self.switch.busy:
            with contextlib.suppress(Disturbed, OSError):  # its process is gone; the run says so by itself
                self.switch.ask({"mover": self.name, **self.was}, _SWITCH_SECONDS, lambda: None)

    def _lacks_policy(self, seen: Seen) -> Optional[bool]:
        """Up to 6.1 a mapping whose file could have a memory policy, such as shared memory, is not scanned as long as
        it has none (mm/mempolicy.c, vma_policy_mof). None where the control may be unmarked for another reason: the
        kernel gives another, or the scanner hardly came."""
        if seen.nr_marked(self.control):
            return False
        told = SKIPPED in self.trace.events
        if seen.nr_lost or seen.passes < _PASSES_BESIDE or (told and set(seen.skipped) != {"unsuitable"}):
            return None
        return True if are_shared(self.control) else None

    def _balance(self, addresses: Sequence[int], seconds: float, check: Callable[[], None]) -> "tuple[Attempt, Seen]":
        here = syscalls.nodes_of(addresses[-1:])[0]
        there = self.nodes[1] if here == self.nodes[0] else self.nodes[0]
        for address in addresses:
            syscalls.touch(address, 1)  # what is not mapped is not marked
        areas = areas_of(addresses) if self.needs_policy else []
        self.trace.skip()
        self._passes = 0
        with _balanced(areas, self.nodes[:2]):
            self._switch(True)
            made = self.own.do(lambda: self._touch(addresses, there, seconds - _END_SECONDS), seconds, check)
            tasks = {self.own.watched}
            if made.returned:
                self._switch(False)
        if made.returned:
            tasks |= self._clear_marks(addresses, there, check)
        whole = self.trace.new()
        text = of_tasks(whole, tasks)
        return made, Seen(
            self._passes,
            hints(text, addresses, syscalls.PAGE),
            skipped_areas(text, self.target),
            modes(text),
            nr_skipped=most_skipped(whole, self.target),
            nr_lost=self.trace.nr_lost,
        )

    def _touch(self, addresses: Sequence[int], node: int, seconds: float) -> None:
        """In a thread, and on that node: read the pages again and again, until all are there that come.

        Its memory policy is the default one, under which a page is at its place where it is used.
        """
        self._settle_in(node)
        end = time.monotonic() + max(_LOOK_SECONDS, seconds)
        first = passes()  # here: a thread that a single one starts sets it to 0 (init_numa_balancing)
        came_at: Optional[int] = None
        while time.monotonic() < end:
            look = time.monotonic() + _LOOK_SECONDS
            while time.monotonic() < look:
                for address in addresses:
                    syscalls.touch(address, 1)
            self._passes = passes() - first
            came = {address for address, at in zip(addresses, syscalls.nodes_of(addresses)) if at == node}
            if came_at is None and came.issuperset(self.control):
                came_at = self._passes
            if len(came) == len(addresses) or (
                came_at is not None and self._passes - came_at >= _PASSES_BESIDE + _PASSES_BEYOND
            ):
                return
            if not came and self._passes >= _PASSES_IN_VAIN:
                return

    def _clear_marks(self, addresses: Sequence[int], node: int, check: Callable[[], None]) -> Set[int]:
        """A page stays marked until somebody uses it, also with balancing off. So it is used here, before the run's
        first thread looks at it, which works on another node."""

        def act() -> None:
            self._settle_in(node)
            for address in addresses:
                syscalls.touch(address, 1)

        if not self.own.do(act, _SWITCH_SECONDS, check).returned:
            raise Disturbed("a thread that only reads pages did not come back")
        return {self.own.watched}

    def _settle_in(self, node: int) -> None:
        cpu = self.cpus[node]
        assert cpu is not None
        os.sched_setaffinity(0, {cpu})
        syscalls.bind_memory(None)

    def _switch(self, on: bool) -> None:
        made = self.switch.ask({"mover": self.name, "on": on, "pace": _PACE}, _SWITCH_SECONDS, lambda: None)
        if not made.returned:
            raise Disturbed("NUMA balancing was not switched within %g s" % _SWITCH_SECONDS)
        if self.switch.answer.get("not_set"):
            raise CannotRun("NUMA balancing cannot be set: %s" % ", ".join(self.switch.answer["not_set"]))


@contextlib.contextmanager
def _balanced(areas: Sequence[Tuple[int, int]], nodes: Sequence[int]) -> Iterator[None]:
    """Have these mappings be balanced between the nodes meanwhile."""
    for start, end in areas:
        syscalls.balance_range(start, end - start, nodes)
    try:
        yield
    finally:
        for start, end in areas:
            syscalls.balance_range(start, end - start, [])


def areas_of(addresses: Sequence[int]) -> List[Tuple[int, int]]:
    """The mappings of this process that have these addresses, each as (start, end)."""
    return [(start, end) for start, end, _ in _maps() if any(start <= address < end for address in addresses)]


def are_shared(addresses: Sequence[int]) -> bool:
    """Does each of them lie in a mapping that is shared?"""
    spans = [(start, end) for start, end, rights in _maps() if rights.endswith("s")]
    return all(any(start <= address < end for start, end in spans) for address in addresses)


def _maps() -> List[Tuple[int, int, str]]:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        found = [line.split()[:2] for line in maps]
    return [(int(start, 16), int(end, 16), rights) for span, rights in found for start, end in [span.split("-")]]


def passes() -> int:
    """How often the scanner has come round this process's address space (mm->numa_scan_seq, kernel/sched/debug.c)."""
    with open("/proc/self/sched", encoding="ascii", errors="replace") as sched:
        found = _PASSES.search(sched.read())
    if found is None:
        raise CannotRun("this kernel does not tell how far NUMA balancing has scanned (/proc/self/sched)")
    return int(found[1])


def _counted(numbers: Dict[str, int]) -> str:
    return ", ".join("%s %d" % pair for pair in sorted(numbers.items())) or "none"
