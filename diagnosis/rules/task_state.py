"""What a task was at when its call trace was taken: parsed once, from whatever header, marks and frames the text has.

blocked       it slept: a watchdog or `state:D` says so, or the scheduler had taken it off its CPU
running       it ran, or was ready to: a header of who is on a CPU, registers, a lockup, `state:R`
interrupted   the frames are those of an interrupt, and below them those of whatever that interrupted
dead          it is gone, or on its way out
unknown       the text does not tell. It may be said what the frames look like; they prove nothing.

A rule that says "sleeps" asks here first: the trace of a task that runs has the same functions in it.
"""

from __future__ import annotations

import re
from typing import Optional, Sequence

from diagnosis.text.record import Frame, Record

BLOCKED, RUNNING, INTERRUPTED, DEAD, UNKNOWN = "blocked", "running", "interrupted", "dead", "unknown"

# What a header says of a task, as values of its record, and the context that follows; the first that is there decides.
_SAID = (("died", DEAD), ("interrupt", INTERRUPTED), ("ran", RUNNING), ("unread", UNKNOWN), ("sampled", UNKNOWN))
# Letters of task_state_array (fs/proc/array.c) and of sched_show_task. Who sleeps and hears signals (S, I) waits for no
# folio's bit in a mover: such a trace contradicts itself.
_BY_LETTER = {"D": BLOCKED, "R": RUNNING, "Z": DEAD, "X": DEAD}
# Functions of kernel/sched, and those that do nothing but call them: innermost where a task has given up its CPU.
SCHEDULING = frozenset(
    {
        *(
            "schedule",
            "__schedule",
            "io_schedule",
            "io_schedule_timeout",
            "schedule_timeout",
            "schedule_hrtimeout_range",
        ),
        *("schedule_timeout_uninterruptible", "schedule_preempt_disabled", "__switch_to", "__switch_to_asm"),
        *("context_switch", "bit_wait", "bit_wait_io", "bit_wait_timeout", "bit_wait_io_timeout", "rt_mutex_schedule"),
    }
)
# Who is put off his CPU by these has not gone to sleep: he is ready to run on.
_PREEMPTED = (
    *("preempt_schedule", "__cond_resched", "_cond_resched", "cond_resched", "dynamic_cond_resched"),
    *("irqentry_exit", "exit_to_user_mode", "prepare_exit_to_usermode", "raw_irqentry_exit", "retint_kernel"),
)
# Where an interrupt came in: what stands below ran.
_INTERRUPTS = re.compile(
    r"(?:asm_)?sysvec_|(?:asm_)?(?:common_interrupt|exc_nmi)$|apic_timer_interrupt$|smp_apic_timer|call_function_|"
    r"reschedule_interrupt$|ret_from_intr$|do_IRQ$|el1_irq$|el1_interrupt$|el1h_64_irq|__irq_svc$|gic_handle_irq$|"
    r"end_repeat_nmi$|nmi$|do_irq$|handle_softirqs$|__do_softirq$|hardware_interrupt_common|decrementer_common|"
    r"timer_interrupt$|do_nmi$|ext_int_handler|io_int_handler"
)
# The kernel refuses to walk the stack of a task that is on another CPU, and leaves the scheduler's own functions out
# (fs/proc/base.c proc_pid_stack, kernel/stacktrace.c stack_trace_save_tsk): there a wait stands innermost.
_WAITS = re.compile(
    r".*_?wait(?:_|$)|.*wait_on_|_{0,2}folio_lock|_{0,2}lock_page|reclaim_throttle$|congestion_wait$|migration_entry_"
)

# What the kernel calls its own errors, beside the lockups and stalls of tasks that merely go on for long.
_ERRORS = re.compile(
    r"BUG: (?!soft|workqueue)|kernel BUG|Oops|protection fault|Unable to handle|Kernel attempted|WARNING: |"
    r"Internal error|"
    r"invalid opcode|cut here|KASAN|UBSAN|sleeping function|while atomic|possible (?:circular|recursive|irq)|"
    r"corruption|end trace|inconsistent lock|-> #\d|dependency chain"
)


_FATAL = re.compile(
    r"kernel BUG|Oops|protection fault|[Uu]nable to handle|NULL pointer|Kernel attempted|Internal error|invalid opcode"
)


def is_error(text: str) -> bool:
    """Is this a line with which the kernel complains of itself?"""
    return _ERRORS.search(text) is not None


def is_fatal(text: str) -> bool:
    """Is it one that ends the task: no warning, and no complaint about where it sleeps?"""
    return _FATAL.search(text) is not None


def context(record: Record) -> str:
    """One of the five, for a task's record. A mark that says that it ran goes before any letter of its state."""
    for name, said in _SAID:
        if record.get(name) is not None:
            return said
    sure = [frame for frame in record.frames if not frame.unsure]
    if any(_INTERRUPTS.match(frame.function) for frame in sure):
        return INTERRUPTED
    state = record.text("state")
    if state:
        return _BY_LETTER.get(state[:1], UNKNOWN)
    return _by_frames(record, sure)


def _by_frames(record: Record, sure: Sequence[Frame]) -> str:
    """No word tells. The innermost functions do, where the scheduler's stand there."""
    if not sure:
        return UNKNOWN
    if sure[0].function in SCHEDULING:
        caller = first_caller(sure)
        return RUNNING if caller is not None and caller.function.startswith(_PREEMPTED) else BLOCKED
    if record.get("from_proc") is not None and _WAITS.match(sure[0].function):
        return BLOCKED
    return UNKNOWN


def first_caller(frames: Sequence[Frame]) -> Optional[Frame]:
    """The innermost function that is not the scheduler's."""
    return next((frame for frame in frames if frame.function not in SCHEDULING), None)
