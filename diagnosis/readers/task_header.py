"""What stands above and beside a call trace and tells whose it is, and what that task was at (rules.task_state).

Headers of the hung-task watchdog, SysRq, warnings and oopses, `/proc/PID/stack`, crash, `ps` and `inspect`
(kernel/hung_task.c, kernel/sched/core.c sched_show_task, lib/dump_stack.c; 3.x to 7.3).
"""

from __future__ import annotations

import re
from typing import List

from diagnosis.readers.inspect import pairs
from diagnosis.text.lines import Line
from diagnosis.text.record import Value

_CRASH = re.compile(r'PID: (\d{1,10}) +TASK: \S{1,20} +CPU: \d{1,5} +COMMAND: "(.{1,32}?)"')
_BLOCKED = re.compile(r"INFO: task (.{1,32}?):(\d{1,10}) blocked (?:in [a-z ]+ )?for more than (\d{1,10}) seconds")
_STUCK = re.compile(r"soft lockup - CPU#\d{1,5} stuck for (\d{1,10})s! \[(.{1,32}?):(\d{1,10})\]")
_TASK = re.compile(r"task:(.{1,32}?)\s+state:([A-Z])\b.*?(?:\bpid:\s?(\d{1,10}))?(?=\s|$)")
_TASK_PID = re.compile(r"\bpid:\s?(\d{1,10})")
# Up to 5.9: name, state, then a saved address (up to 4.12), `running task` or nothing, free stack, pid, parent's pid.
_OLD_TASK = re.compile(
    r"(\S.{0,14}?) +([RSDTtZXIKWP]) {1,4}(?:[0-9a-f]{8,16} |\(NOTLB\) | ?running task {1,4}|"
    r") *\d+ +(\d{1,10}) +\d+ +0x[0-9a-f]"
)
_COMM = re.compile(r"CPU: ?\d+ (?:UID: \d+ )?PID: (\d{1,10}) Comm: (.{1,32}?) (?:Not tainted|Tainted|Kdump)")
# Up to 3.9.
_OLD_COMM = re.compile(r"Pid: (\d{1,10}), comm: (.{1,32}?) (?:Not tainted|Tainted)")
_PROC = re.compile(r".{0,80}?/proc/(\d{1,10})/(?:task/(\d{1,10})/)?stack")
# ps -eLo lwp,stat,wchan:32,args, as the cases' pages ask for it: only who sleeps in D.
_PS = re.compile(r"(\d{1,10}) +(D)[\w<+]{0,4} +([a-z_][a-z_0-9]{3,63}) +(\S{1,32})")
# Between a header and its trace, and within one: words of the stack, registers, what the watchdog adds.
SKIPPED = re.compile(
    r"\s*(?:Call [Tt]race:?|</?(?:TASK|IRQ|NMI|SOFTIRQ|EOI|#DF|ENTRY_TRAMPOLINE)>|<stack trace>|0x[0-9a-f]{8,16}|"
    r"lr : |pc : |"
    r"sp : |x\d{1,2}\s{0,2}: |NIP |LR |GPR|CFAR|MSR|RIP: |RSP: |R[A-Z0-9]{2}: |E[A-Z]{2}: |[CDEFG]S: |[CD]R\d: |"
    r"PKRU|Code: |ORIG_RAX|"
    r"Modules linked|Workqueue:|\"echo 0|Stack ?:|Hardware name|Tainted: |Not tainted|pstate: |Krnl |"
    r"\[<[0-9a-f]{16}>\] 0x|"
    r"[0-9a-f]{8,16}(?: {1,3}[0-9a-f]{8,16}){0,15}\s*$|task {2,}PC stack|\.{3}\s*$|---\[ end)"
)
WORKQUEUE = re.compile(r"Workqueue: (\S{1,64} \S{1,64}(?: \(\S{1,64}\))?)")
# Lines that say of the trace below that its task did not sleep: the kernel complains of whoever is on the CPU.
TROUBLE = re.compile(
    r"(?:watchdog: )?BUG: |kernel BUG at|Oops|Internal error|general protection fault|Unable to handle kernel|"
    r"WARNING: |"
    r"invalid opcode|divide error|------------\[ cut here|NMI backtrace(?!.* skipped)|(?:rcu: )?INFO: (?:rcu|"
    r"possible|Slab|try)|"
    r"Kernel panic|stack backtrace:|UBSAN: |KASAN: |Kernel attempted to|-> #\d|the existing dependency chain|"
    r"watchdog: CPU|"
    r"Sending NMI|CPU: \d{1,5} is (?:dead|stuck)|sysrq: (?:SysRq : )?Show backtrace|list_(?:add|del) corruption|"
    r"(?:Allocated|Freed) by task|Last potentially related|Uninit was|refcount_t: |Bad page state"
)
# The same, of which the words stand further in.
TROUBLE_WITHIN = re.compile(
    r"self-detected stall|detected stall|stall(?:s|ed)? on CPU|sleeping function called|scheduling while atomic|"
    r"hard LOCKUP|invoked oom-killer|: page allocation (?:failure|stall)"
)
_WORDS_WITHIN = ("stall", "context", "atomic", "LOCKUP", "oom", "allocation")
# Where a program counter is told beside the trace, its task was on a CPU. 0033 and the like are user space's.
COUNTER = re.compile(
    r"(?:RIP|EIP): (?:0010|0060|[0-9a-f]{4}:\[<)?.{0,60}?[a-z_]\w{2,80}\+0x|pc : .{0,40}\w\+0x|PC is at |"
    r"NIP \[.{0,24}\] \w+\+0x|"
    r"CPU: ?\d{1,4} (?:UID|PID): |Krnl PSW|epc : .{0,40}\w\+0x|\[exception RIP: |"
    # MIPS, LoongArch, sparc64, PA-RISC; and the line of whose registers these are, of every kernel up to 3.9.
    r"(?:epc|era|ERA|TPC|PC)\s{0,4}: .{0,40}\w\+0x|IAOQ\[0\]: \w|Process \S.{0,30}? \(pid: ?\d"
)
# ppc64 names system calls (c00, 3000) and faults so as well; these vectors are of what comes from outside.
INTERRUPT = re.compile(r"\s{0,4}<{1,2}(?:IRQ|NMI|EOI|SOFTIRQ|#DF)>|--- interrupt: (?:[15]00|900|a00|c80|e[68a]0|f00) ")
DIED = re.compile(
    r"(?:note: (.{1,32}?)\[(\d{1,10})\]|\S{1,40}) exited with (?:preempt_count|irqs disabled)|Fixing recursive fault"
)
# What begins as a header, and was not to be read as one: a cut line. Whose the trace below is, and his state, is lost.
UNREAD = re.compile(r"(?:task:|INFO: ta|PID: \d|inspect: ta)")
# What stands beside a trace and says of its task that it ran, or of its frames whose they are.
MARKS = ((COUNTER, "ran"), (INTERRUPT, "interrupt"))


def trouble(text: str) -> bool:
    """Does the kernel complain here of whoever is on the CPU?"""
    if TROUBLE.match(text):
        return True
    return any(word in text for word in _WORDS_WITHIN) and TROUBLE_WITHIN.search(text, 0, 100) is not None


def header(line: Line) -> List[Value]:
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
    if "omm: " in text and (found := _COMM.search(text) or _OLD_COMM.search(text)):
        ran = Value("ran", found[0][:80], line.place(found.start(), min(found.end(), found.start() + 80)))
        return [line.value("pid", found, 1, 10), line.value("comm", found, 2), ran]
    if "COMMAND: " in text and (found := _CRASH.search(text)):
        return [line.value("pid", found, 1, 10), line.value("comm", found, 2)]
    if "/stack" in text and (found := _PROC.match(text)):
        return [line.value("pid", found, 2 if found[2] else 1, 10), line.value("from_proc", found)]
    if found := _PS.match(text):
        made = [line.value("pid", found, 1, 10), line.value("state", found, 2), line.value("wchan", found, 3)]
        return [*made, line.value("comm", found, 4)]
    if found := _OLD_TASK.match(text):
        return [line.value("comm", found, 1), line.value("state", found, 2), line.value("pid", found, 3, 10)]
    return []


def agree(one: List[Value], other: List[Value]) -> bool:
    """May two headers speak of the same task? They do where nothing that both say differs."""
    known = {value.name: value.text for value in one}
    return all(known.get(value.name, value.text) == value.text for value in other if value.name not in _OF_THE_LINE)


# What is said by a line, and not of a task: two headers of one task may differ in it.
_OF_THE_LINE = frozenset({"ran", "from_proc", "unread"})
