"""Whose work is traced, and what of it, for movers that come back without a word."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence, Tuple, Type

from probes.errors import CannotRun
from probes.kernel.tracing import collapse, compaction, hints, reclaim
from probes.kernel.tracing.trace import Trace
from probes.movers.attempts import MoverChild

_ITSELF, _THE_RUN = "", "the run"  # the process that makes the attempts; the run, where it moves its own memory
_WHY_MISSING = {
    "khugepaged": ": transparent huge pages are not built in (CONFIG_TRANSPARENT_HUGEPAGE), or switched off (never)"
}
_TRACED: Dict[str, Tuple[str, Type[Trace], Sequence[str]]] = {
    "kcompactd": ("kcompactd0", Trace, compaction.EVENTS),
    "direct_compaction": (_ITSELF, Trace, compaction.EVENTS),
    "khugepaged": ("khugepaged", Trace, collapse.EVENTS),
    "demotion": (_ITSELF, Trace, reclaim.EVENTS),
    "numa_balancing": (_THE_RUN, hints.BalancingTrace, hints.EVENTS),
}


def start_trace(mover: str, child: MoverChild) -> Optional[Trace]:
    """Before any privilege is given up: a trace of the task that will migrate, where this mover wants one."""
    if mover not in _TRACED:
        return None
    whose, kind, events = _TRACED[mover]
    if whose not in (_ITSELF, _THE_RUN):
        child.watched = task_named(whose)
    child.trace = kind(os.getpid() if whose == _THE_RUN else child.watched, events)
    return child.trace


def task_named(name: str) -> int:
    """The pid of a kernel thread."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/comm" % entry, encoding="ascii", errors="replace") as comm:
                    if comm.read().strip() == name:
                        return int(entry)
            except OSError:  # it ended meanwhile
                continue
    raise CannotRun("there is no task %s%s" % (name, _WHY_MISSING.get(name, "")))
