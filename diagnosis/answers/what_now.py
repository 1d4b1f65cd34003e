"""What to do now, as data: each sentence with the facts of a finding that must hold before anybody is told it.

A verdict's own words choose the row; of that row only those sentences are said whose facts hold. So nobody is told to
interrupt a task that is dead, or to look for a holder where every reference is accounted for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, FrozenSet, Sequence, Tuple

from diagnosis.rules import task_state
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Finding, Verdict
from diagnosis.text.record import Record

# What may be asked of a finding. A sentence names those that it needs; `facts` tells which hold.
FACTS: Dict[str, str] = {
    "held": "The verdict says that somebody has a hold on the folio: a lock, a reference, writeback, data that "
    "hangs on.",
    "asleep": "The verdict says that the mover slept and heard no signal, and nothing speaks against it.",
    "interruptible": "The mover runs in somebody's task, tries again and again, and minds signals.",
    "came-back": "The mover came back with an error, and waits for nobody.",
    "alive": "No mover in this text is dead: nothing in it says that a task of the kernel's ended in an error.",
    "dead": "One is: what it had locked stays locked.",
    "may-move": "It is memory that moves once nothing holds it.",
    "proved-holder": "The first candidate is proved.",
}
_HOLDS = frozenset(
    {
        *("writeback", "page_lock", "buffer_lock", "extra_reference", "foll_pin", "private_data", "stuck_isolated"),
        *("device_exclusive", "split_failure", "no_migrate_op", "not_on_lru", "waits_on_other", "accounting_bug"),
    }
)
# Rules whose sentence says that nothing holds the folio, or not any more.
_HOLDS_NOTHING = frozenset({"none", "free-meanwhile", "migration-target", "hwpoison-small", "swap-cache-miscounted"})
_NEVER_MOVES = frozenset({"not_movable_type", "refused_by_op"})


@dataclass(frozen=True)
class Advice:
    """One sentence or two, and what must hold before they are said."""

    text: str
    needs: Tuple[str, ...] = ()


def facts(finding: Finding, records: Sequence[Record]) -> FrozenSet[str]:
    verdict = finding.verdict
    made = {"dead" if any(_is_dead(record) for record in records) else "alive"}
    if verdict.manner == "sleeps_in_d":
        made.add("asleep")
    if verdict.rule not in _HOLDS_NOTHING and (verdict.mechanism in _HOLDS or _is_left(verdict)):
        made.add("held")
    if verdict.manner == "retries_without_progress" and verdict.mover in ("offline", "move_pages") and "alive" in made:
        made.add("interruptible")
    if verdict.manner == "rejected_at_once" or (
        verdict.mover == "cma" and verdict.manner == "retries_without_progress"
    ):
        made.add("came-back")
    if verdict.mechanism not in _NEVER_MOVES:
        made.add("may-move")
    if finding.candidates and finding.candidates[0].is_proved:
        made.add("proved-holder")
    return frozenset(made)


def _is_left(verdict: Verdict) -> bool:
    """Folios stayed, without a word of why: something held them, or they were in use at that moment."""
    return verdict.rule in ("left-behind", "cma-pages-busy", "soft-offline", "offline-interrupted", "not-isolated-line")


def _is_dead(record: Record) -> bool:
    """A task that ended in an error of the kernel's own, in the middle of moving memory."""
    if record.kind != "task":
        return False
    context = task_state.context(record)
    if context == task_state.DEAD:
        return True
    is_error = any(value.name == "ran" and task_state.is_fatal(value.text) for value in record.values)
    return is_error and bool(Trace(record).deed)


def said(row: Sequence[Advice], holding: FrozenSet[str]) -> str:
    """The sentences of a row whose facts hold, in order."""
    return " ".join(advice.text for advice in row if holding.issuperset(advice.needs))


def rows(finding: Finding) -> Tuple[Advice, ...]:
    """The row for a finding: by its manner where the holder is proved, else the first of these that there is."""
    verdict = finding.verdict
    is_proved = bool(finding.candidates) and finding.candidates[0].is_proved
    proved = "proved:" + verdict.manner if is_proved else ""
    keys = (proved, verdict.rule, verdict.mechanism, "%s:%s" % (verdict.mover, verdict.manner), verdict.manner)
    return next((NOW[key] for key in keys if key in NOW), ())


_AGAIN_IN_VAIN = "Trying again alone changes nothing: the range holds memory that is not movable."
_IS_OVER = Advice("This allocation is over: it came back with an error, and nobody waits.", ("came-back",))
_MINDS_SIGNALS = Advice(
    "The mover can be interrupted: Ctrl-C, or a signal to the task that wrote `offline`.", ("interruptible",)
)
_DEAF = Advice("The stuck task ignores every signal, even SIGKILL.", ("asleep",))
_NEVER = Advice(
    "A mover of this text ended in an error of the kernel's: only a reboot ends what waits for it.", ("dead",)
)
NOW: Dict[str, Tuple[Advice, ...]] = {
    "not_movable_type": (
        Advice(_AGAIN_IN_VAIN + " Take another block, or keep such memory out from the next boot on."),
    ),
    "refuses-always": (
        Advice("Trying again alone changes nothing while it is in use: its owner never lets a folio move."),
        Advice("End what uses it, or take another block."),
    ),
    "write-refused": (
        Advice(
            "EBUSY at once mostly means that the block holds memory which was never movable: trying again seldom helps "
            "then, and another block may go. The kernel log and the block's zone tell."
        ),
    ),
    "write-elsewhere": (Advice("Nothing here asks for anything about memory. Look at what that file belongs to."),),
    "offline-no-range": (Advice("Take another block: this one can never be offlined as a whole."),),
    "offline-notifier": (
        Advice(
            "Find the driver: `virtio_mem`, a balloon, KVM or the hypervisor's. It has to let go of the block first."
        ),
    ),
    "offline-not-isolated": (
        Advice(
            "See whether another offlining or contiguous allocation is at work on the range, and end or await that."
        ),
        Advice("Else take another block."),
    ),
    "hugetlb-not-dissolved": (
        Advice("Have a page more in the pool than is reserved, or reserve less: a free page that is reserved stays."),
    ),
    "offline-hugetlb": (
        Advice("Have a page more in the pool than is reserved, or reserve less: a free page that is reserved stays."),
    ),
    "cma-pages-busy": (
        _IS_OVER,
        Advice("Have whoever needs the memory (a driver) ask again."),
        Advice("It goes through once nothing holds a page of the area.", ("held",)),
    ),
    "cma-full-or-busy": (
        _IS_OVER,
        Advice("First find out which it was: a full area needs room, a busy one a holder that lets go."),
    ),
    "cma-interrupted": (
        Advice("This allocation is over: its task was killed. Whatever was in the way may be there still."),
    ),
    "range-busy": (
        Advice(
            "Nothing yet: a busy range is passed over, and the allocator tries the next one. Look for a line that says "
            "that the allocation failed."
        ),
    ),
    "first-busy-frame": (
        Advice(
            "Look at that frame: its block is the frame's number divided by the pages of a block (32768 of 4 KiB with "
            "blocks of 128 MiB), and `inspect memoryN` shows what lies in it."
        ),
    ),
    "cma-area-room": (
        Advice("Compare it with what was asked for: a full area needs room, a busy one a holder that lets go."),
    ),
    "cma-area-failed": (
        Advice("The count alone asks for nothing. Catch the next failure, by what is to be captured."),
    ),
    "queues-behind-mover": (
        Advice("This task is not the cause."),
        Advice("It goes on by itself once it has the lock.", ("alive",)),
        _NEVER,
        Advice(
            "Look for who holds it: a task in D, or running, with offline_pages, cma_alloc or migrate_pages in its "
            "call "
            "trace."
        ),
    ),
    "waits-for-migration": (
        Advice("This task is not the cause."),
        Advice("It goes on by itself once the mover is done.", ("alive",)),
        _NEVER,
        Advice("Look for the mover: a task in D, or running, with migrate_pages in its call trace."),
    ),
    "waits-for-others": (
        Advice(
            "No folio holds this mover up: it waits for CPUs or drivers. Look for a CPU that one task keeps for "
            "itself, "
            "and for stalls and lockups in the kernel log."
        ),
    ),
    "waits-by-name": (
        Advice("Look at its call trace first: many a task sleeps like this for a slow disk, and moves nothing."),
    ),
    "offline-under-way": (
        Advice(
            "Find the task that wrote `offline`, and its state: in D it sleeps and hears no signal; in R it tries "
            "again "
            "and again, and Ctrl-C ends it.",
            ("alive",),
        ),
    ),
    "bystander-reads": (
        Advice("Whoever is to supply the page does not: look at the server or the device of that file system."),
    ),
    "bystander-written": (
        Advice("Whoever is to take the data does not: look at the server or the device of that file system."),
    ),
    "bystander-server": (
        Advice(
            "This task is not the cause: it waits for the server that it names. See whether that runs, or is frozen."
        ),
    ),
    "bystander-dirty": (
        Advice(
            "This task is not the cause: too much is dirty, and goes out too slowly. Look at whoever takes the data."
        ),
    ),
    "bystander-folio": (
        Advice(
            "This task is not the cause: it waits for a folio that is locked or under writeback. Look at the server or "
            "the device of its file system, and at who else sleeps there."
        ),
    ),
    "waits-for-some-folio": (
        Advice(
            "The mover sleeps for a folio, and this text does not show in which way. The whole call trace tells, in "
            "/proc/PID/stack."
        ),
    ),
    "sleeps-elsewhere": (
        Advice(
            "The mover sleeps, and this text does not show that a folio is the reason. Its call trace names what is."
        ),
    ),
    "reclaims-meanwhile": (
        Advice("The mover needs memory itself, and waits for reclaim. Free memory, or make less of it dirty."),
    ),
    "kernel-error": (
        Advice("This is an error of the kernel's. Report it with the whole log."),
        Advice("Whatever that task had locked stays locked until a reboot.", ("dead",)),
    ),
    "compacts": (
        Advice(
            "Compaction that is at work holds nothing up by itself. If it keeps a CPU busy and gets nowhere, find out "
            "which pages stay."
        ),
    ),
    "compacts-unasked": (
        Advice(
            "This is proactive compaction: `sudo sysctl vm.compaction_proactiveness=0` ends it where it keeps a CPU "
            "busy. "
            "The pages that it could not move stay where they are."
        ),
    ),
    "free-meanwhile": (Advice("Nothing holds it any more: try again."),),
    "migration-target": (Advice("Try again in a moment: a migration that ends lets it go."),),
    "none": (
        _MINDS_SIGNALS,
        Advice("Nothing that holds the folio was seen: it may go through by trying again.", ("alive",)),
    ),
    "rejected_at_once": (
        Advice(
            "The mover came back with an error, and waits for nobody: try again at any time.", ("came-back", "may-move")
        ),
        Advice("It goes through once nothing holds the folio.", ("held", "may-move")),
    ),
    "retries_without_progress": (
        _MINDS_SIGNALS,
        Advice("It goes through as soon as the holder lets go.", ("held", "may-move")),
    ),
    "cma:retries_without_progress": (
        Advice(
            "The allocation tries the next range, and comes back with an error where all are busy: have whoever "
            "needs the "
            "memory (a driver) ask again."
        ),
        Advice("It goes through as soon as the holder lets go.", ("held", "may-move")),
    ),
    "no_target_memory": (
        Advice(
            "Nothing refused to move. There was no room: free memory where the folio would have to go, or make the "
            "area "
            "larger, or find who keeps what is in it."
        ),
    ),
    "proved:sleeps_in_d": (
        _DEAF,
        Advice(
            "It comes back when its holder answers or ends, and that is proved: it stands below, with what to do "
            "about it "
            "on its page.",
            ("held", "alive", "proved-holder"),
        ),
    ),
    "sleeps_in_d": (
        _DEAF,
        Advice("It resumes when whoever it waits for answers or exits: look for the holder.", ("held", "alive")),
    ),
}
