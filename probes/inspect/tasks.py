"""Tasks that sleep in D, and tasks that are writing to a memory block's state: who they are, and their call traces."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterator, List, Set, Tuple

from probes.inspect.read import text

_BLOCK = re.compile(r"/sys/devices/system/memory/(memory\d+)/(?:state|online)$")
MAX_TASKS = 200
MAX_FRAMES = 64


@dataclass(frozen=True)
class Task:
    """`block`: the memory block whose state it has open. `stack`: as /proc/PID/stack gives it, innermost first."""

    pid: int
    comm: str
    state: str
    wchan: str
    uid: str
    block: str
    stack: Tuple[str, ...]
    stack_missing: str


def find(proc: Path = Path("/proc"), only: Collection[int] = ()) -> Iterator[Task]:
    """Every thread in D, every task at work on a memory block, compaction that runs, and `only`, whatever they do.
    Reads nothing that waits for a task's memory lock: status, wchan, stack and the links of descriptors do not
    (fs/proc/base.c)."""
    found = 0
    for process in numbered(proc):
        block = _block(proc / str(process))
        for thread in numbered(proc / str(process) / "task"):
            folder = proc / str(process) / "task" / str(thread)
            status = text(folder / "status")
            state = _field(status, "State")[:1]
            wanted = state == "D" or (block and state in ("D", "R", "S")) or process in only or thread in only
            wanted = wanted or (state == "R" and _field(status, "Name").startswith("kcompactd"))
            if wanted and found < MAX_TASKS and thread != os.getpid():
                found += 1
                yield _task(folder, thread, status, state, block)


def _task(folder: Path, thread: int, status: str, state: str, block: str) -> Task:
    missing = ""
    try:
        lines = (folder / "stack").read_text("utf-8", "replace").splitlines()
    except OSError as error:
        lines, missing = [], error.strerror or "cannot be read"
    wchan = text(folder / "wchan").strip()
    uid = (_field(status, "Uid").split() or [""])[0]
    stack = tuple(line for line in lines[:MAX_FRAMES] if line.strip())
    return Task(thread, text(folder / "comm").strip(), state, wchan if wchan != "0" else "", uid, block, stack, missing)


def _block(process: Path) -> str:
    """The memory block whose `state` this process has open, '' where there is none."""
    try:
        entries = os.listdir(process / "fd")
    except OSError:
        return ""
    for entry in entries[:256]:
        try:
            found = _BLOCK.search(os.readlink(process / "fd" / entry))
        except OSError:
            continue
        if found:
            return found[1]
    return ""


def blocks_of(tasks: List[Task]) -> Set[str]:
    return {task.block for task in tasks if task.block}


def numbered(folder: Path) -> List[int]:
    try:
        return sorted(int(name) for name in os.listdir(folder) if name.isdecimal())
    except OSError:
        return []


def _field(status: str, name: str) -> str:
    found = re.search(r"(?m)^%s:\s*(.*)$" % name, status)
    return found[1] if found else ""
