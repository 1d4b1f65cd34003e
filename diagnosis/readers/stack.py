"""Call traces of tasks: the hung-task watchdog, SysRq-W, /proc/PID/stack, warnings, and bare lists of functions.

Innermost function first, as the kernel prints them (kernel/stacktrace.c, arch/*/kernel/dumpstack.c, fs/proc/base.c).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Match, Optional, Tuple

from diagnosis.readers.task_header import DIED, MARKS, SKIPPED, UNREAD, WORKQUEUE, agree, header, trouble
from diagnosis.text.lines import Line
from diagnosis.text.record import Frame, Record, Value

# x86 and arm64, `[<address>]` of 4.x and s390, ppc64's two addresses, `#1 […] f at …` of crash, ` => f` of ftrace,
# perf's address before and bpftrace's decimal offset, a line's number; behind it a module, a file and line, or
# how sure the unwinder is.
# decode_stacktrace.sh writes every place of a function that was inlined there, and the module without brackets.
_AT = r"(?:[\w.][\w./-]{1,120}\.[chS]:\d{1,6}(?::\d{1,4})?(?: \(discriminator \d{1,3}\))?|\?\?:\?)"
_FRAME = re.compile(
    r"\s{0,24}(?:\d{1,6}[.:)|]?\s{1,8})?(?P<traced>=> )?\(?(?:#\d{1,3} +)?"
    r"(?P<proc>\[<0>\] ?)?(?:\[<?[0-9a-fx]{1,18}>?\] ?){0,2}(?:[0-9a-f]{8,16} )?(?P<unsure>\? +)?"
    r"(?P<function>[A-Za-z_][A-Za-z_0-9]{2,100})(?:\.[a-z]+(?:\.\d+)?){0,3}"
    r"(?P<offset>\+(?:0x[0-9a-f]{1,8}(?:/0x[0-9a-f]{1,8})?|\d{1,6})| at [0-9a-f]{8,16}(?= |$)|"
    r"(?= \(?[\w.][\w./-]{1,120}\.[chS]:\d| \(\?\?:\?))?"
    r"(?: \(?" + _AT + r"(?: " + _AT + r"){0,15}\)?(?: [a-z]\w{1,63}(?=\s*$))?)?"
    r"(?: \[[\w \-]{1,64}\]|(?P<sampled> \(\[[\w.\-]{1,64}\]\)))?(?: \((?P<how>[A-Za-z]{1,12})\))?\)?\s*$"
)
# 32-bit Arm names the caller too, and gives the offset to it alone (arch/arm/kernel/traps.c, dump_backtrace_entry).
_ARM_FRAME = re.compile(
    r"\s{0,24}(?:\[<[0-9a-f]{8}>\] ?)?\(?(?P<function>[A-Za-z_][A-Za-z_0-9]{2,100})(?:\.[a-z]+(?:\.\d+)?){0,3}"
    r"(?:\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})?(?: \[\w{1,64}\])?\)? from (?:\[<[0-9a-f]{8}>\] ?)?\(?"
    r"[A-Za-z_][\w.]{2,120}(?P<offset>\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})(?: \[\w{1,64}\])?\)?\s*$"
)
# A function's padding: no return address lies there, so what is printed of it was only found on the stack.
_PADDING = "__pfx_"
# Where preemption or interrupts were turned off, which stands below an error and is no trace.
_ASIDE = ("Preemption disabled at:", "hardirqs last", "softirqs last")
# How ppc64 marks what it only found on the stack.
_GUESS = "unreliable"
# What is left of a cut line of a trace.
_TORN = re.compile(r"\??\s?[A-Za-z_][\w.]{2,60}\+?(?:0x?)?$")
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
# Ends the name of a function of which a part may be missing: no rule knows it.
TORN = "…"
# Only an error of the kernel's ends so: its beginning may be missing from what was pasted.
_END = "---[ end trace"
MAX_FRAMES = 64
MAX_GAP = 6
# How far above a trace its header may stand, with registers and words of the stack between the two.
MAX_HEAD = 60
MAX_TROUBLE = 12


def frame(line: Line, needs_offset: bool = False) -> Optional[Frame]:
    found = _found(line.text)
    if found is None or (needs_offset and not found["offset"]):
        return None
    name = found["function"]
    return Frame(
        name[:-7] if name.endswith("_noprof") else name,
        line.place(found.start("function"), found.end("function")),
        name.startswith(_PADDING) or (found.re is _FRAME and (found["unsure"] is not None or found["how"] == _GUESS)),
    )


def _found(text: str) -> Optional[Match[str]]:
    return _FRAME.match(text) or (_ARM_FRAME.match(text) if " from " in text else None)


@dataclass
class _Task:
    values: List[Value] = field(default_factory=list)
    frames: List[Frame] = field(default_factory=list)
    began: int = 0
    last: int = 0
    has_offsets: bool = False
    is_whole: bool = False

    def say(self, value: Value) -> None:
        if all(known.name != value.name for known in self.values):
            self.values.append(value)


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []
        self._open: Dict[str, _Task] = {}
        self._trouble: Dict[str, List[Tuple[int, Value]]] = {}
        self._aside = -1

    def take(self, line: Line) -> bool:
        values = header(line)
        if values:
            self._begin(line, values)
            return "omm: " not in line.text  # such a line names the kernel as well
        if line.text.startswith(_ASIDE):
            self._aside = line.number
        one = frame(line) if line.number != self._aside + 1 else None
        task = self._open.get(line.source)
        if task is not None and line.number - task.last > MAX_GAP and (one or not SKIPPED.match(line.text)):
            self._close(line.source)
            task = None
        if one is None:
            return self._beside(line, task)
        return self._frame(line, one, task)

    def _frame(self, line: Line, one: Frame, task: Optional[_Task]) -> bool:
        if task is not None and task.is_whole and one.function not in _OUTERMOST:
            if one.unsure:  # `? __pfx_kthread` stands on either side of ret_from_fork, and begins no trace
                task.last = line.number
                return True
            self._close(line.source)
            task = None
        found = _found(line.text)
        assert found is not None
        has_offset = found["offset"] is not None
        if task is None:
            if not has_offset and not _KNOWN.match(one.function):
                return False
            task = self._open[line.source] = _Task(began=line.number)
            self._blame(line, task)
        elif task.has_offsets and not has_offset:
            return self._torn(line, task)
        task.last = line.number
        task.has_offsets = task.has_offsets or has_offset
        task.is_whole = task.is_whole or (one.function in _OUTERMOST and not one.unsure)
        if len(task.frames) < MAX_FRAMES:
            task.frames.append(one)
        if found.re is _FRAME:
            self._manner(line, found, task)
        return True

    def _manner(self, line: Line, found: Match[str], task: _Task) -> None:
        """How a trace was taken, where the form of its frames tells."""
        if found["proc"]:
            task.say(Value("from_proc", found["proc"].strip(), line.place(*found.span("proc"))))
        elif found["traced"] or found["sampled"]:
            task.say(Value("sampled", found["function"], line.place(*found.span("function"))))

    def _beside(self, line: Line, task: Optional[_Task]) -> bool:
        """A line that is neither header nor frame: what it says of the trace around it."""
        text = line.text
        if trouble(text):
            self._complain(line, Value("ran", text[:80], line.place(0, min(len(text), 80))))
            if task is not None and not task.frames:
                self._blame(line, task, any(one.name == "state" for one in task.values))
            return False
        for regex, name in MARKS:
            if (found := regex.match(text)) is None:
                continue
            value = Value(name, found[0].strip(), line.place(*found.span()))
            if task is not None:
                task.say(value)
                task.last = line.number if not task.frames else task.last
            else:
                self._complain(line, value)
            return name == "interrupt"
        if found := DIED.search(text):
            self._bury(line, found)
        if task is None:
            if UNREAD.match(text):
                self._begin(line, [Value("unread", text[:40], line.place(0, min(len(text), 40)))])
            return False
        if text.startswith(_END) and task.frames and not any(one.name == "state" for one in task.values):
            task.say(Value("ran", text[:80], line.place(0, min(len(text), 80))))
        if found := WORKQUEUE.match(text):
            task.say(line.value("workqueue", found, 1))
        if SKIPPED.match(text):
            if not task.frames and line.number - task.began <= MAX_HEAD:
                task.last = line.number
            return False
        if UNREAD.match(text):
            self._begin(line, [Value("unread", text[:40], line.place(0, min(len(text), 40)))])
            return False
        return self._torn(line, task)

    def _torn(self, line: Line, task: _Task) -> bool:
        """A frame of which only a part is left stands where it stood: its neighbours did not call one another."""
        if not task.frames or line.number != task.last + 1 or not (found := _TORN.match(line.text)):
            return False
        task.frames.append(Frame(found[0].strip("? ") + TORN, line.place(0, len(line.text))))
        task.last = line.number
        return True

    def _bury(self, line: Line, found: Match[str]) -> None:
        value = Value("died", found[0], line.place(*found.span()))
        for task in self._open.values():
            pid = next((one.text for one in task.values if one.name == "pid"), "")
            if not found[2] or found[2] == pid:
                task.say(value)

    def _complain(self, line: Line, value: Value) -> None:
        self._trouble.setdefault(line.source, [])[4:] = []
        self._trouble[line.source].append((line.number, value))

    def _blame(self, line: Line, task: _Task, has_state: bool = False) -> None:
        """What was complained of right above a trace is said of it. A state of its own contradicts that: not known."""
        for at, value in self._trouble.pop(line.source, []):
            if line.number - at <= MAX_TROUBLE:
                task.say(Value("unread", value.text, value.place) if has_state and value.name == "ran" else value)

    def _begin(self, line: Line, values: List[Value]) -> None:
        task = self._open.get(line.source)
        if task is None or task.frames or not agree(task.values, values):
            self._pass_on(line.source, task)
            self._close(line.source)
            task = self._open[line.source] = _Task(began=line.number)
        self._blame(line, task, any(value.name == "state" for value in [*values, *task.values]))
        for value in values:
            task.say(value)
        task.last = line.number

    def _pass_on(self, source: str, task: Optional[_Task]) -> None:
        """One function, and nobody's, between a complaint and a header is no trace: the complaint is of who follows."""
        if task is not None and len(task.frames) == 1 and all(one.name in ("ran", "interrupt") for one in task.values):
            self._trouble.setdefault(source, []).extend((task.began, one) for one in task.values)

    def finish(self) -> List[Record]:
        for source in list(self._open):
            self._close(source)
        return self._records

    def _close(self, source: str) -> None:
        task = self._open.pop(source, None)
        if task is None:
            return
        is_trace = task.has_offsets or any(_KNOWN.match(one.function) for one in task.frames)
        names = {value.name for value in task.values}
        if is_trace or "wchan" in names or ({"blocked_seconds", "stuck_seconds"} & names and _is_kcompactd(task)):
            self._records.append(Record("task", tuple(task.values), tuple(task.frames)))


def _is_kcompactd(task: _Task) -> bool:
    return any(value.name == "comm" and value.text.startswith("kcompactd") for value in task.values)
