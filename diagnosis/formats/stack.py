"""Call traces of tasks: the hung-task watchdog, SysRq-W, /proc/PID/stack, warnings, and bare lists of functions.

Innermost function first, as the kernel prints them (kernel/stacktrace.c, arch/*/kernel/dumpstack.c, fs/proc/base.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Match, Optional

from diagnosis.formats.inspect import pairs
from diagnosis.lines import Line
from diagnosis.record import Frame, Record, Value

# x86 and arm64, `[<address>]` of 4.x and s390, ppc64's two addresses, `#1 […] f at …` of crash, ` => f` of ftrace,
# perf's address before and bpftrace's decimal offset; behind it a module, a file and line, or how sure the unwinder is.
_FRAME = re.compile(
    r"\s{0,24}(?:=> |\()?(?:#\d{1,3} +)?(?:\[<?[0-9a-fx]{1,18}>?\] ?){0,2}(?:[0-9a-f]{8,16} )?(?P<unsure>\? +)?"
    r"(?P<function>[A-Za-z_][A-Za-z_0-9]{2,100})(?:\.[a-z]+(?:\.\d+)?){0,3}"
    r"(?P<offset>\+(?:0x[0-9a-f]{1,8}(?:/0x[0-9a-f]{1,8})?|\d{1,6})| at [0-9a-f]{8,16}(?= |$)|"
    r"(?= \(?\w[\w./-]{1,120}\.[chS]:\d))?"
    r"(?: \(?\w[\w./-]{1,120}\.[chS]:\d{1,6}(?::\d{1,4})?(?: \(discriminator \d{1,3}\))?\)?)?"
    r"(?: \[[\w \-]{1,64}\]| \(\[[\w.\-]{1,64}\]\))?(?: \((?P<how>[A-Za-z]{1,12})\))?\)?\s*$"
)
# 32-bit Arm names the caller too, and gives the offset to it alone (arch/arm/kernel/traps.c, dump_backtrace_entry).
_ARM_FRAME = re.compile(
    r"\s{0,24}(?:\[<[0-9a-f]{8}>\] ?)?\(?(?P<function>[A-Za-z_][A-Za-z_0-9]{2,100})(?:\.[a-z]+(?:\.\d+)?){0,3}"
    r"(?:\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})?(?: \[\w{1,64}\])?\)? from (?:\[<[0-9a-f]{8}>\] ?)?\(?"
    r"[A-Za-z_][\w.]{2,120}(?P<offset>\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})(?: \[\w{1,64}\])?\)?\s*$"
)
# How ppc64 marks what it only found on the stack.
_GUESS = "unreliable"
_CRASH = re.compile(r'PID: (\d{1,10}) +TASK: \S{1,20} +CPU: \d{1,5} +COMMAND: "(.{1,32}?)"')
_BLOCKED = re.compile(r"INFO: task (.{1,32}?):(\d{1,10}) blocked (?:in [a-z ]+ )?for more than (\d{1,10}) seconds")
_STUCK = re.compile(r"soft lockup - CPU#\d{1,5} stuck for (\d{1,10})s! \[(.{1,32}?):(\d{1,10})\]")
_TASK = re.compile(r"task:(.{1,32}?)\s+state:([A-Z])\b.*?(?:\bpid:\s?(\d{1,10}))?(?=\s|$)")
_TASK_PID = re.compile(r"\bpid:\s?(\d{1,10})")
_OLD_TASK = re.compile(r"(\S{1,15}) +([RSDTZXI]) (?:[0-9a-f]{16}|\(NOTLB\)|running task|) +\d+ +(\d{1,10}) +\d+ ")
_COMM = re.compile(r"CPU: ?\d+ (?:UID: \d+ )?PID: (\d{1,10}) Comm: (.{1,32}?) (?:Not tainted|Tainted|Kdump)")
_PROC = re.compile(r".{0,80}?/proc/(\d{1,10})/(?:task/(\d{1,10})/)?stack")
_SKIPPED = re.compile(
    r"\s*(?:Call [Tt]race:?|</?(?:TASK|IRQ|NMI)>|<stack trace>|0x[0-9a-f]{8,16}|lr : |pc : |sp : |x\d{1,2}\s{0,2}: |"
    r"NIP |LR |GPR|RIP: |RSP: |R[A-Z0-9]{2}: |Code: |ORIG_RAX|Modules linked|Workqueue:|\"echo 0)"
)
# ps -eLo lwp,stat,wchan:32,args, as the cases' pages ask for it: only who sleeps in D.
_PS = re.compile(r"(\d{1,10}) +(D)[\w<+]{0,4} +([a-z_][a-z_0-9]{3,63}) +(\S{1,32})")
# Frames without an offset count only where one of these is among them: a list of words is no call trace.
_KNOWN = re.compile(
    r"(?:__)?(?:folio_wait|folio_lock|migrate_pages|wait_on_page|lock_page|do_migrate_range|reclaim_throttle)"
)
# Where a task entered the kernel, or began in it: what comes after is the trace of another, header or not.
_OUTERMOST = frozenset(
    {
        *("entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64", "entry_SYSCALL_64_fastpath", "system_call_fastpath"),
        *("ret_from_fork", "ret_from_fork_asm", "ret_from_kernel_thread", "ret_from_kernel_user_thread"),
        *("el0t_64_sync", "el0_sync", "el0_svc_naked", "system_call_common", "system_call_vectored_common"),
    }
)
MAX_FRAMES = 64
MAX_GAP = 6


def frame(line: Line, needs_offset: bool = False) -> Optional[Frame]:
    found = _found(line.text)
    if found is None or (needs_offset and not found["offset"]):
        return None
    name = found["function"]
    return Frame(
        name[:-7] if name.endswith("_noprof") else name,
        line.place(found.start("function"), found.end("function")),
        found.re is _FRAME and (found["unsure"] is not None or found["how"] == _GUESS),
    )


def _found(text: str) -> Optional[Match[str]]:
    return _FRAME.match(text) or (_ARM_FRAME.match(text) if " from " in text else None)


@dataclass
class _Task:
    values: List[Value] = field(default_factory=list)
    frames: List[Frame] = field(default_factory=list)
    last: int = 0
    has_offsets: bool = False
    is_whole: bool = False


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []
        self._open: Dict[str, _Task] = {}

    def take(self, line: Line) -> bool:
        values = _header(line)
        if values:
            self._begin(line, values)
            return "Comm: " not in line.text  # such a line names the kernel as well
        one = frame(line)
        task = self._open.get(line.source)
        if task is not None and line.number - task.last > MAX_GAP and (one or not _SKIPPED.match(line.text)):
            self._close(line.source)
            task = None
        if one is None:
            return False
        if task is not None and task.is_whole and one.function not in _OUTERMOST:
            self._close(line.source)
            task = None
        has_offset = _found(line.text)["offset"] is not None  # type: ignore[index]
        if task is None:
            if not has_offset and not _KNOWN.match(one.function):
                return False
            task = self._open[line.source] = _Task()
        elif task.has_offsets and not has_offset:
            return False
        task.last = line.number
        task.has_offsets = task.has_offsets or has_offset
        task.is_whole = task.is_whole or (one.function in _OUTERMOST and not one.unsure)
        if len(task.frames) < MAX_FRAMES:
            task.frames.append(one)
        return True

    def _begin(self, line: Line, values: List[Value]) -> None:
        task = self._open.get(line.source)
        if task is None or task.frames or not _agree(task.values, values):
            self._close(line.source)
            task = self._open[line.source] = _Task()
        known = {value.name for value in task.values}
        task.values += [value for value in values if value.name not in known]
        task.last = line.number

    def finish(self) -> List[Record]:
        for source in list(self._open):
            self._close(source)
        return self._records

    def _close(self, source: str) -> None:
        task = self._open.pop(source, None)
        if task is None:
            return
        is_trace = task.has_offsets or any(_KNOWN.match(one.function) for one in task.frames)
        if is_trace or any(value.name == "wchan" for value in task.values):
            self._records.append(Record("task", tuple(task.values), tuple(task.frames)))


def _header(line: Line) -> List[Value]:
    text = line.text
    if found := _BLOCKED.search(text):
        pid = line.value("pid", found, 2, 10)
        made = [line.value("comm", found, 1), pid, line.value("blocked_seconds", found, 3, 10)]
        return made + [Value("state", "D", line.place(found.start(), found.end()))]
    if "soft lockup" in text and (found := _STUCK.search(text)):
        made = [
            line.value("comm", found, 2),
            line.value("pid", found, 3, 10),
            line.value("stuck_seconds", found, 1, 10),
        ]
        return made + [Value("state", "R", line.place(found.start(), found.end()))]
    if text.startswith("task:") and (found := _TASK.match(text)):
        made = [line.value("comm", found, 1), line.value("state", found, 2)]
        pid_found = _TASK_PID.search(text)
        return made + ([line.value("pid", pid_found, 1, 10)] if pid_found else [])
    if text.startswith("inspect: task "):
        return list(pairs(line, len("inspect: task")).values())
    if "Comm: " in text and (found := _COMM.search(text)):
        return [line.value("pid", found, 1, 10), line.value("comm", found, 2)]
    if "COMMAND: " in text and (found := _CRASH.search(text)):
        return [line.value("pid", found, 1, 10), line.value("comm", found, 2)]
    if "/stack" in text and (found := _PROC.match(text)):
        return [line.value("pid", found, 2 if found[2] else 1, 10)]
    if found := _PS.match(text):
        made = [line.value("pid", found, 1, 10), line.value("state", found, 2), line.value("wchan", found, 3)]
        return [*made, line.value("comm", found, 4)]
    if found := _OLD_TASK.match(text):
        return [line.value("comm", found, 1), line.value("state", found, 2), line.value("pid", found, 3, 10)]
    return []


def _agree(one: List[Value], other: List[Value]) -> bool:
    """May two headers speak of the same task? They do where nothing that both say differs."""
    known = {value.name: value.text for value in one}
    return all(known.get(value.name, value.text) == value.text for value in other)
