"""From the call trace of a mover that waits for no folio: it scans, it tries again, or it sleeps for something else.

None of these is a case. Saying so keeps an operator from looking for a holder that is not there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import FrozenSet, Mapping, Optional, Sequence, Tuple

from diagnosis.rules.bystanders import waits_for_a_folio, waits_for_a_server, waits_for_some_folio, waits_to_write
from diagnosis.rules.task_state import RUNNING, is_error
from diagnosis.rules.tasks.functions import LOCK, MIGRATING, SOME_FOLIO, VICTIM, WAIT, WRITEBACK
from diagnosis.rules.tasks.verdicts import WHILE, Made, made, sleeps
from diagnosis.rules.trace import CONTIGUOUS, MOVERS, Trace
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Frame, Record

# What a mover may wait for beside a folio: the rule, what it sleeps for, by which functions, the source.
WAITS: Sequence[Tuple[str, FrozenSet[str], str, Source]] = (
    (
        "until every CPU has emptied its lists of pages, and not for a folio",
        frozenset(
            {"__lru_add_drain_all", "lru_add_drain_all", "lru_cache_disable", "drain_all_pages", "__drain_all_pages"}
        ),
        "Which CPU does not get to it: one that a real-time task keeps for itself, mostly.",
        Source("5.10 to 7.3", "mm/swap.c", "__lru_add_drain_all"),
    ),
    (
        "until the others have been told of the offlining, and not for a folio",
        frozenset({"memory_notify", "blocking_notifier_call_chain", "notifier_call_chain"}),
        "Which driver does not answer: the functions before the notifier's say that.",
        Source("5.10 to 7.3", "mm/memory_hotplug.c", "offline_pages"),
    ),
    (
        "in a driver that is told of the folio's mappings first, and not for the folio",
        frozenset(
            {
                *("__mmu_notifier_invalidate_range_start", "__mmu_notifier_invalidate_range_end"),
                *("mn_itree_invalidate", "mn_hlist_invalidate_range_start", "__mmu_notifier_invalidate_page"),
            }
        ),
        "What the driver waits for: the functions before the notifier's say that.",
        Source("5.10 to 7.3", "mm/mmu_notifier.c", "__mmu_notifier_invalidate_range_start"),
    ),
    (
        "for an RCU grace period, and not for a folio",
        frozenset({"synchronize_rcu", "synchronize_rcu_expedited", "__wait_rcu_gp", "synchronize_sched"}),
        "Which CPU holds it up: the kernel log complains of RCU stalls then.",
        Source("5.10 to 7.3", "kernel/rcu/tree.c", "synchronize_rcu"),
    ),
)
_MOVERS = frozenset(name for _, names in MOVERS for name in names) | CONTIGUOUS
# What stands above whatever a task waits for.
_SCHEDULING = (
    "schedule",
    "__schedule",
    "io_schedule",
    "__switch_to",
    "__wait_for_common",
    "wait_for_completion",
    "msleep",
)
_OFFLINING = MIGRATING | {"do_migrate_range", "offline_pages", "__offline_pages"}
_AT_WORK = (
    ("looked for pages to move", ("isolate_migratepages", "fast_find_migrateblock")),
    ("looked for free pages to move others to", ("isolate_freepages", "fast_isolate", "compaction_alloc")),
    ("was moving pages", ("migrate_pages", "migrate_folio", "unmap_and_move", "__unmap_and_move", "try_to_migrate")),
)


def waits_for_others(trace: Trace) -> Made:
    if not trace.may_sleep:
        return None
    for what, functions, unknown, source in WAITS:
        pair = trace.under(functions, _MOVERS)
        if pair is not None:
            why = Reason("%s, called from %s." % (pair[0].function, pair[1].function), tuple(one.place for one in pair))
            return made(trace, "waits-for-others", "", sleeps(trace, what), [why], source, (unknown,), proved=False)
    return None


def sleeps_elsewhere(trace: Trace) -> Made:
    """Blocked, a mover, and nothing above knows what for: better said than passed over."""
    if not trace.is_blocked or trace.deed not in WHILE:
        return None
    inner = next((frame for frame in trace.frames if not frame.function.startswith(_SCHEDULING)), None)
    if inner is None:
        return None
    if inner.function in SOME_FOLIO:
        return _some_folio(trace, inner)
    return made(
        trace,
        "sleeps-elsewhere",
        "",
        sleeps(trace, "in %s" % inner.function) + " No line shows that it waits for a folio.",
        [Reason("The innermost function that is not the scheduler's.", (inner.place,))],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_pages"),
        ("What it waits for. Lines may be missing from this trace.",),
        proved=False,
    )


def _some_folio(trace: Trace, inner: Frame) -> Verdict:
    """It does wait for a folio, and what called the wait is nothing that this knows."""
    return made(
        trace,
        "waits-for-some-folio",
        "",
        sleeps(trace, "in %s, so for a folio" % inner.function),
        [Reason("The innermost function that is not the scheduler's.", (inner.place,))],
        Source("5.10 to 7.3", "mm/filemap.c", "folio_wait_bit_common"),
        ("Whether for its lock or the end of its writeback: the function that called this one would tell.",),
        proved=False,
    )


def without_trace(trace: Trace) -> Made:
    """The watchdog's word of kcompactd alone: it is a mover by its name, and where it stands is lost."""
    if trace.record.frames or not trace.record.text("comm").startswith("kcompactd"):
        return None
    seconds = trace.record.get("stuck_seconds") or trace.record.get("blocked_seconds")
    if seconds is None:
        return None
    is_stuck = seconds.name == "stuck_seconds"
    told = "kept its CPU for %s s" if is_stuck else "has slept for more than %s s"
    verdict = made(
        trace,
        "compacts" if is_stuck else "sleeps-elsewhere",
        "",
        "%s %s. Its call trace is not here, so nothing shows that a folio is the reason."
        % (trace.who, told % seconds.text),
        [Reason("The watchdog's line.", (seconds.place,))],
        Source("5.10 to 7.3", "mm/compaction.c", "kcompactd"),
        ("Where it was: the call trace below the watchdog's line tells.",),
        manner="",
        proved=False,
    )
    return replace(verdict, mover="kcompactd")


def tries_again(trace: Trace) -> Made:
    frame = trace.first(_OFFLINING)
    if frame is None or trace.mover not in ("offline", "cma", "move_pages"):
        return None
    if trace.context != RUNNING or _is_trouble(trace):
        return None
    return made(
        trace,
        "mover-runs",
        "",
        "%s runs %s: it tries again and again, and does not sleep." % (trace.who, WHILE[trace.mover]),
        [Reason("The mover's frame.", (frame.place,))],
        Source("5.10 to 7.3", "mm/memory_hotplug.c", "offline_pages"),
        ("Why the folio does not move: the page dumps in the kernel log say that.",),
        manner="retries_without_progress",
        proved=False,
    )


def compacts(trace: Trace) -> Made:
    """Compaction that was seen at work. Whether it gets anywhere, one call trace does not tell."""
    if trace.mover not in ("compaction", "kcompactd") or trace.is_blocked or _is_trouble(trace):
        return None
    for what, beginnings in _AT_WORK:
        frame = next((one for one in trace.frames if one.function.startswith(beginnings)), None)
        if frame is not None:
            return made(
                trace,
                "compacts-unasked" if trace.first(frozenset({"proactive_compact_node"})) else "compacts",
                "",
                "%s compacts memory. At that moment it %s%s." % (trace.who, what, _since(trace)),
                [Reason("Where it was.", (frame.place,))],
                Source("5.10 to 7.3", "mm/compaction.c", "compact_zone"),
                ("Whether it gets anywhere: two readings of /proc/vmstat tell.",),
                manner="",
                proved=False,
            )
    return None


def _is_trouble(trace: Trace) -> bool:
    """Does the trace come with an error of the kernel's own? Watchdogs and asked-for backtraces are none."""
    return any(value.name in ("ran", "interrupt") and is_error(value.text) for value in trace.record.values)


def ended_in_error(trace: Trace) -> Made:
    """An oops, a BUG or a warning in the middle of a mover: whoever it names ran, and waits for nothing."""
    frame = trace.first(_MOVERS | MIGRATING | VICTIM)
    if frame is None or trace.may_sleep or not _is_trouble(trace):
        return None
    said = next(value for value in trace.record.values if is_error(value.text))
    return replace(
        made(
            trace,
            "kernel-error",
            "",
            "The kernel complains of an error of its own, in a task that ran: nothing here waits for a folio.",
            [Reason("What it complains of.", (said.place,)), Reason("Where the task was.", (frame.place,))],
            Source("4.4 to 7.3", "lib/bug.c", "report_bug"),
            ("Whether anything else is held meanwhile. A task that died with a lock never lets it go.",),
            manner="",
            proved=False,
        ),
        is_look_alike=True,
    )


def _since(trace: Trace) -> str:
    """The watchdog's word for how long, or that compaction may well be at work."""
    seconds = trace.record.text("stuck_seconds")
    return ", and its CPU had done nothing else for %s s" % seconds if seconds else "; that alone is no fault"


def judged(record: Record, release: str = "", connections: Optional[Mapping[int, str]] = None) -> Made:
    """The verdict on a task of which `task_rules` knows none: at work, or asleep for something else than a folio.

    `connections`: FUSE connections by number, as the text tells whose they are.
    """
    trace = Trace(record, release)
    found = next((verdict for rule in RULES for verdict in [rule(trace)] if verdict is not None), None)
    if found is None and not trace.deed:
        found = waits_for_a_server(trace, connections or {}) or waits_for_some_folio(trace) or waits_to_write(trace)
    return found


def waits_by_name(trace: Trace) -> Made:
    """Of a task there is only what `ps` calls its wait channel: it waits for a folio, but not on whose behalf."""
    value = trace.record.get("wchan")
    if value is None or trace.record.frames or value.text not in WRITEBACK | LOCK | WAIT:
        return None
    return made(
        trace,
        "waits-by-name",
        "",
        sleeps(trace, "in %s, so for a folio" % value.text),
        [Reason("Its wait channel.", (value.place,))],
        Source("5.10 to 7.3", "mm/filemap.c", "folio_wait_bit_common"),
        ("Whether it moves folios or reads a file: its call trace tells, in /proc/PID/stack.",),
        proved=False,
    )


RULES = (
    without_trace,
    ended_in_error,
    waits_for_others,
    tries_again,
    compacts,
    waits_by_name,
    sleeps_elsewhere,
    waits_for_a_folio,
)
