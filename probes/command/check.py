"""What can run here, and why not. Reads; changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional, Tuple

from probes.errors import CannotRun
from probes.kernel import facts
from probes.kernel.nodes import memory_nodes
from probes.movers import arena
from probes.movers.attempts import COMPACT_MEMORY
from probes.movers.choice import GUESTS_ONLY
from probes.run.experiment import Case
from probes.run.isolate import choose_mover
from probes.servers.fuse.hold import WATCHER_GRACE_SECONDS

WITH_A_PLAIN_HOLDER = (
    "compaction",
    "move_pages",
    "kcompactd",
    "direct_compaction",
    "mbind",
    "longterm_pin",
    "khugepaged",
    "virtio_mem",
    "demotion",
    "numa_balancing",
)
MOST_HOLD_SECONDS = 15.0
# FUSE's request timeout ends a connection up to 30 s after the request. With a hold of 30, of which 27 are the mover's,
# it seemed to do nothing on a machine that was quick to mount (7.3.4, 5 of 5).
MOST_HOLD_SECONDS_IN_A_GUEST = 60.0


def effective_hold(case: Case, wanted_seconds: float, environment: str = "host") -> float:
    """The longest that a run may hold. Where others could sleep in D, the grace of server and watcher,
    which end a hold that the probe cannot end, is inside the bound.
    """
    most = most_hold_seconds(environment)
    return wanted_seconds if case.safe_on_a_host else min(wanted_seconds, most - WATCHER_GRACE_SECONDS)


def most_hold_seconds(environment: str) -> float:
    return MOST_HOLD_SECONDS_IN_A_GUEST if environment == "guest" else MOST_HOLD_SECONDS


@dataclass(frozen=True)
class Machine:
    """What decides. The hung-task settings are None where this kernel has no such detector."""

    root: bool
    nr_nodes: int
    fuse: bool
    compaction: bool
    hung_task_panic: Optional[int]
    hung_task_timeout_seconds: Optional[int]
    arena_bytes: int
    why_no_arena: str = ""
    filesystems: Optional[Tuple[str, ...]] = None  # not looked at


def look() -> Machine:
    try:
        size, why = arena.affordable_bytes(arena.MOST_BYTES), ""
    except CannotRun as error:
        size, why = 0, str(error)
    return Machine(
        root=os.geteuid() == 0,
        nr_nodes=len(memory_nodes()),
        fuse=os.access("/dev/fuse", os.R_OK | os.W_OK),
        compaction=os.path.exists(COMPACT_MEMORY),
        hung_task_panic=_number("kernel.hung_task_panic"),
        hung_task_timeout_seconds=_number("kernel.hung_task_timeout_secs"),
        arena_bytes=size,
        why_no_arena=why,
        filesystems=_filesystems(),
    )


def _filesystems() -> Tuple[str, ...]:
    with open("/proc/filesystems", encoding="ascii") as known:
        return tuple(line.split()[-1] for line in known)


def _number(name: str) -> Optional[int]:
    found = facts.sysctl(name)
    return found[0] if found and isinstance(found[0], int) else None


def obstacles(
    case: Case,
    machine: Machine,
    hold_seconds: float,
    mover: Optional[str] = None,
    environment: str = "host",
    holder: str = "privileged",
    even_refused: bool = False,
) -> List[str]:
    """Why the case cannot run here, as sentences; empty where it can."""
    found = []
    if not machine.root:
        found.append("it needs root: " + case.needs_root)
    if "/dev/fuse" in case.devices and not machine.fuse:
        found.append("/dev/fuse is not there, or not ours to open")
    if case.filesystem and machine.filesystems is not None and case.filesystem not in machine.filesystems:
        text = "this kernel has no %s (not in /proc/filesystems; perhaps `modprobe %s`)"
        found.append(text % (case.filesystem, case.modules))
    if machine.why_no_arena:
        found.append(machine.why_no_arena)
    if mover in GUESTS_ONLY and environment != "guest":
        found.append("%s can hurt a machine: only in a throw-away one, with --environment guest" % mover)
    if case.guests_only and environment != "guest":
        found.append("only in a throw-away machine, with --environment guest: " + case.guests_only)
    if holder == "unprivileged" and case.why_privileged and not (even_refused and case.can_be_refused):
        found.append("it cannot be held without privilege: " + case.why_privileged)
    if holder == "unprivileged" and mover not in (None, *WITH_A_PLAIN_HOLDER):
        found.append("%s goes with a privileged holder only" % mover)
    found += _mover_obstacles(case, machine, mover)
    if not case.safe_on_a_host:
        found += hung_task_obstacles(machine, hold_seconds)
    return found


def _mover_obstacles(case: Case, machine: Machine, wanted: Optional[str]) -> List[str]:
    try:
        mover = choose_mover(case, wanted)
    except CannotRun as error:
        return [str(error)]
    if mover == "move_pages" and machine.nr_nodes < 2:
        return ["move_pages needs two nodes with memory; this machine has %d" % machine.nr_nodes]
    if mover == "compaction" and not machine.compaction:
        return ["this kernel has no " + COMPACT_MEMORY]
    return []


def hung_task_obstacles(machine: Machine, hold_seconds: float) -> List[str]:
    """A task that sleeps in D must not be what brings the machine down (kernel/hung_task.c)."""
    found = []
    if machine.hung_task_panic:
        found.append("kernel.hung_task_panic is %d: a hold could bring the machine down" % machine.hung_task_panic)
    timeout = machine.hung_task_timeout_seconds or 0
    if 0 < timeout <= hold_seconds + WATCHER_GRACE_SECONDS:
        text = "kernel.hung_task_timeout_secs is %d, and a hold may last %g s"
        found.append(text % (timeout, hold_seconds + WATCHER_GRACE_SECONDS))
    return found
