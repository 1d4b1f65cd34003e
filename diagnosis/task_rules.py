"""From the call trace of a task to its verdict: what it waits for, and in whose name it moves folios."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from diagnosis.record import Frame, Place, Record
from diagnosis.trace import Trace
from diagnosis.verdict import Reason, Source, Verdict

MIGRATING = frozenset(
    {
        "migrate_pages",
        "migrate_pages_batch",
        "migrate_pages_sync",
        "unmap_and_move",
        "__unmap_and_move",
        "migrate_folio_unmap",
        "soft_offline_page",
        "soft_offline_in_use_page",
        "__soft_offline_page",
        "migrate_folio_move",
    }
)
WRITEBACK = frozenset({"folio_wait_writeback", "wait_on_page_writeback", "folio_wait_writeback_killable"})
LOCK = frozenset({"__folio_lock", "__lock_page", "folio_lock", "lock_page"})
WAIT = frozenset(
    {"folio_wait_bit_common", "folio_wait_bit", "wait_on_page_bit", "wait_on_page_bit_common", "__wait_on_bit_lock"}
)
PRIVATE = frozenset({"folio_wait_private_2", "nfs_wb_folio", "nfs_wb_page", "folio_wait_private_2_killable"})
THROTTLE = frozenset({"reclaim_throttle", "congestion_wait", "too_many_isolated"})
SLEEPING_LOCKS = frozenset(
    {
        "__mutex_lock",
        "__mutex_lock_slowpath",
        "mutex_lock",
        "percpu_rwsem_wait",
        "percpu_down_write",
        "__percpu_down_read",
        "rwsem_down_read_slowpath",
        "rwsem_down_write_slowpath",
    }
)
HOTPLUG = frozenset(
    {
        "get_online_mems",
        "mem_hotplug_begin",
        "cpus_read_lock",
        "lock_device_hotplug",
        "lock_device_hotplug_sysfs",
        "cpu_hotplug_begin",
    }
)


WHILE = {
    "offline": "while it offlines memory",
    "cma": "while it clears a range for a contiguous allocation",
    "compaction": "in compaction",
    "kcompactd": "in background compaction",
    "move_pages": "while it moves pages to another node",
    "soft_offline": "while it soft-offlines a page",
    "longterm_pin": "while it moves folios out of a movable area before it pins them",
}
Made = Optional[Verdict]


def judged(record: Record) -> Optional[Verdict]:
    """The verdict on a task; None where its trace has nothing to do with moving folios."""
    trace = Trace(record)
    for rule in RULES:
        verdict = rule(trace)
        if verdict is not None:
            return verdict
    return None


def _made(
    trace: Trace,
    rule: str,
    mechanism: str,
    sentence: str,
    reasons: List[Reason],
    source: Source,
    unknown: Tuple[str, ...] = (),
    manner: str = "sleeps_in_d",
    proved: bool = True,
) -> Verdict:
    return Verdict(
        rule, mechanism, proved, sentence, tuple(reasons + trace.state()), (source,), manner, trace.mover, "", unknown
    )


def _sleeps(trace: Trace, what: str) -> str:
    return "%s sleeps %s%s." % (trace.who, what, " " + WHILE[trace.mover] if trace.mover in WHILE else "")


def _private(trace: Trace) -> Made:
    pair = trace.above(PRIVATE, MIGRATING)
    if pair is None:
        return None
    return _made(
        trace,
        "waits-for-private-data",
        "private_data",
        _sleeps(trace, "until a file system has written the folio's private data"),
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), _at(pair))],
        Source("7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
    )


def _writeback(trace: Trace) -> Made:
    pair = trace.above(WRITEBACK, MIGRATING)
    if pair is None:
        return None
    return _made(
        trace,
        "waits-for-writeback",
        "writeback",
        _sleeps(trace, "until a folio's writeback ends"),
        [
            Reason(
                "%s, called from %s: the folio is under writeback, and this mover waits without a time limit."
                % (pair[0].function, pair[1].function),
                _at(pair),
            )
        ],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        ("Whose writeback it is: FUSE, a network file system and a stalled block device give the same trace.",),
    )


def _lock(trace: Trace) -> Made:
    named = trace.above(LOCK, MIGRATING)
    at = trace.index(WAIT)
    bare = trace.above(WAIT, MIGRATING)
    if named is None and (bare is None or at < 0 or trace.first(WRITEBACK) or trace.first(PRIVATE)):
        return None
    pair = named or bare
    assert pair is not None
    how = "%s, called from %s" % (pair[0].function, pair[1].function)
    how += ": the folio's lock." if named else ", without folio_wait_writeback between them: the folio's lock."
    return _made(
        trace,
        "waits-for-folio-lock",
        "page_lock",
        _sleeps(trace, "until a folio is unlocked"),
        [Reason(how, _at(pair))],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        ("Who holds the lock: a read that nobody answers, or another task that sleeps with it.",),
    )


def _throttled(trace: Trace) -> Made:
    pair = trace.above(
        THROTTLE,
        frozenset(
            {"isolate_migratepages_block", "isolate_migratepages", "isolate_migratepages_range", "shrink_inactive_list"}
        ),
    )
    if pair is None:
        return None
    return _made(
        trace,
        "throttled",
        "stuck_isolated",
        _sleeps(trace, "because too many folios of the node are isolated"),
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), _at(pair))],
        Source("7.3", "mm/compaction.c", "too_many_isolated"),
        ("Who isolated them: look for another task in D under migrate_pages_batch, which is the cause.",),
    )


def _queues(trace: Trace) -> Made:
    held = trace.first(HOTPLUG) or (
        trace.first(frozenset({"cma_alloc", "__cma_alloc", "__cma_alloc_frozen"}))
        if not trace.first(MIGRATING)
        else None
    )
    lock = trace.first(SLEEPING_LOCKS)
    if held is None or lock is None:
        return None
    return _made(
        trace,
        "queues-behind-mover",
        "waits_on_other",
        _sleeps(trace, "for a lock that a mover holds meanwhile"),
        [Reason("%s, called from %s." % (lock.function, held.function), _at((lock, held)))],
        Source("7.3", "mm/memory_hotplug.c", "offline_pages"),
        ("Which mover holds it: look for the task in D, or running, under offline_pages or the contiguous allocator.",),
    )


def _busy(trace: Trace) -> Made:
    if trace.mover not in ("offline", "cma", "compaction", "kcompactd", "move_pages") or not trace.first(
        MIGRATING | frozenset({"do_migrate_range", "offline_pages"})
    ):
        return None
    if trace.record.text("state") not in ("R", "I"):
        return None
    frame = trace.first(MIGRATING | frozenset({"do_migrate_range", "offline_pages"}))
    assert frame is not None
    return _made(
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


def _at(pair: Sequence[Frame]) -> Tuple[Place, ...]:
    return tuple(frame.place for frame in pair)


RULES: Tuple[Callable[[Trace], Made], ...] = (_private, _writeback, _lock, _throttled, _queues, _busy)
