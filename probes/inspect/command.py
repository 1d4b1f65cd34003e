"""`probe.pyz inspect`: what holds memory here, as far as reading tells. Its output goes into `diagnose`."""

from __future__ import annotations

import argparse
import os
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from diagnosis.readers.inspect import line
from probes.children import processes
from probes.inspect import blocks, mounts, tasks
from probes.inspect.read import text

Say = Callable[[str], None]
_COUNTERS = (
    *("nr_writeback", "nr_writeback_temp", "nr_isolated_anon", "nr_isolated_file", "pgmigrate_fail"),
    *("thp_split_page_failed", "cma_alloc_fail"),
)
_LEAST_SECONDS = 1.0
_MOST_SECONDS = 20.0
MAX_BLOCKS = 16
_EPILOG = """It reads and changes nothing. Without a name it looks at the blocks that somebody is offlining, else at
those of ZONE_MOVABLE. As root it sees call traces and page frames; what it cannot read, it says. Its output goes into
`probe.pyz diagnose -`, or into the site's Diagnose page."""


def add(acts: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> None:
    inspect = acts.add_parser(
        "inspect",
        help="what holds memory on this machine, read-only",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.set_defaults(act=lambda options: run(options.what, say))
    inspect.add_argument("what", nargs="*", type=_what, metavar="memoryN|PID", help="a memory block, or a task")


def _what(name: str) -> str:
    if not re.fullmatch(r"memory\d{1,9}|\d{1,9}", name):
        raise argparse.ArgumentTypeError("expected a memory block such as memory32, or a process id")
    return name


def run(what: List[str], say: Say) -> int:
    began, before = time.monotonic(), _counters()
    system = os.uname()
    say(line("kernel", release=system.release, machine=system.machine, uid=os.getuid()))
    pids = [int(name) for name in what if name.isdecimal()]
    found = list(tasks.find(only=pids))
    for task in found:
        _tell_task(task, say)
    if not found:
        say(line("tasks", in_d=0))
    for pid in pids:
        if not Path("/proc/%d" % pid).exists():
            say(line("missing", what="/proc/%d" % pid, why="no such task"))
    wanted = {name for name in what if not name.isdecimal()} | tasks.blocks_of(found)
    served = mounts.served()
    _tell_connections(served, say)
    _tell_blocks(wanted, served, say)
    time.sleep(max(0.0, _LEAST_SECONDS - (time.monotonic() - began)))
    after = _counters()
    for name, value in before.items():
        say(line("counter", name=name, before=value, after=after.get(name, value)))
    pins = _pins()
    if pins is not None:
        say(line("pins", now=pins))
    return 0


def _tell_task(task: tasks.Task, say: Say) -> None:
    wchan, block, uid = task.wchan, task.block, task.uid
    say(line("task", pid=task.pid, comm=task.comm, state=task.state, wchan=wchan, block=block, uid=uid))
    for frame in task.stack:
        say(frame)
    if task.stack_missing:
        say(line("missing", what="/proc/%d/stack" % task.pid, why=task.stack_missing))


def _tell_connections(served: List[mounts.Mount], say: Say) -> None:
    why = mounts.why_not_shown()
    if why and any(mount.filesystem == "fuse" for mount in served):
        say(line("missing", what=str(mounts.CONNECTIONS), why=why))
    for one in mounts.connections(served):
        pids = ",".join(str(pid) for pid in one.daemons)
        waiting: Dict[str, Any] = {"waiting": one.waiting} if one.waiting >= 0 else {}
        say(line("fuse", connection=one.number, **waiting, mount=one.mount, daemons=pids, comm=one.comm, uid=one.uid))
    for mount in served:
        if mount.filesystem != "fuse":
            say(line("mount", fs=mount.filesystem, target=mount.target, device=mount.device))


def _tell_blocks(wanted: "set[str]", served: List[mounts.Mount], say: Say) -> None:
    every = blocks.every()
    if not every:
        say(line("missing", what=str(blocks.MEMORY), why="this kernel has no memory blocks"))
        return
    groups: Dict["tuple[str, str]", List[blocks.Block]] = {}
    for block in every:
        groups.setdefault((block.state, block.zones), []).append(block)
    for (state, zones), members in groups.items():
        say(line("blocks", state=state, zones=zones, nr=len(members), first=members[0].name, last=members[-1].name))
    for name in sorted(wanted - {block.name for block in every}):
        say(line("missing", what=name, why="no such memory block"))
    chosen = [block for block in every if block.name in wanted or block.state == "going-offline"]
    chosen = chosen or [block for block in every if block.state == "online" and block.zones == "Movable"]
    for block in chosen[:MAX_BLOCKS]:
        _tell_block(block, served, say)
    if len(chosen) > MAX_BLOCKS:
        say(line("missing", what="%d more blocks" % (len(chosen) - MAX_BLOCKS), why="name one to have it read"))


def _tell_block(block: blocks.Block, served: List[mounts.Mount], say: Say) -> None:
    first = "0x%x" % block.first_frame
    say(line("block", name=block.name, state=block.state, zones=block.zones, first_pfn=first, nr_pages=block.nr_frames))
    try:
        found = blocks.suspects(block)
    except OSError as error:
        say(line("missing", what="/proc/kpageflags", why=error.strerror or "cannot be read"))
        return
    say(line("suspects", block=block.name, **found.counts))
    known = _owners(list(found.frames), served, say) if found.frames and served else {}
    for frame, bits in found.frames.items():
        said: Dict[str, Any] = known.get(frame, {})
        say(line("suspect", pfn="0x%x" % frame, block=block.name, flags=blocks.names(bits), **said))


def _owners(frames: List[int], served: List[mounts.Mount], say: Say) -> Dict[int, Dict[str, Any]]:
    """By frame, in a process of its own: a task that sleeps with its memory lock held would make us sleep too."""
    reading, writing = os.pipe()

    def search() -> None:
        told = processes.Lines(writing)
        for one in mounts.owners(frames, served):
            told.send(
                {"frame": one.frame, "fs": one.filesystem, "device": one.device, "pid": one.pid, "file": one.file}
            )
        told.send({"done": True})

    child = processes.start("unmig-inspect", search, keep=(writing,))
    os.close(writing)
    lines = processes.Lines(reading)
    made: Dict[int, Dict[str, Any]] = {}
    end, done = time.monotonic() + _MOST_SECONDS, False
    while not done and not lines.closed and time.monotonic() < end:
        for message in lines.receive(0.2):
            done = done or "done" in message
            if "frame" in message:
                made[message.pop("frame")] = message
    child.end(1.0)
    os.close(reading)
    if not done:
        say(line("missing", what="/proc/PID/maps", why="a process did not let its mappings be read"))
    return made


def _counters() -> Dict[str, int]:
    lines = text(Path("/proc/vmstat")).splitlines()
    found = dict(one.split(" ", 1) for one in lines if " " in one)
    return {name: int(found[name]) for name in _COUNTERS if name in found}


def _pins() -> Optional[int]:
    found = dict(one.split(" ", 1) for one in text(Path("/proc/vmstat")).splitlines() if " " in one)
    if "nr_foll_pin_acquired" not in found:
        return None
    return int(found["nr_foll_pin_acquired"]) - int(found.get("nr_foll_pin_released", 0))
