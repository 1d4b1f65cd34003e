"""From the call trace of a task to its verdict: what it waits for, and in whose name it moves folios."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from diagnosis.record import Frame, Place, Record
from diagnosis.releases import is_at_least
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
# Up to 5.1 wait_on_page_writeback() was inline, and what stands in its place waits for no lock (mm/filemap.c).
OLD_WRITEBACK = frozenset({"wait_on_page_bit"})
LOCK = frozenset({"__folio_lock", "__lock_page", "folio_lock", "lock_page", "__wait_on_bit_lock"})
# Where nothing else stands between it and the mover, the lock's own function was called as the last thing, and is gone.
WAIT = frozenset({"folio_wait_bit_common", "wait_on_page_bit_common"})
WRITEBACK_HAS_A_FRAME = (5, 2)
RMAP = frozenset(
    {"rmap_walk_file", "rmap_walk_anon", "rmap_walk", "try_to_migrate", "try_to_unmap", "remove_migration_ptes"}
)
VICTIM = frozenset(
    {"migration_entry_wait", "migration_entry_wait_on_locked", "__migration_entry_wait", "pmd_migration_entry_wait"}
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

# These wait for readers as well, of which any may sleep with the lock (include/linux/memory_hotplug.h, kernel/cpu.c).
HOTPLUG_WRITERS = frozenset({"mem_hotplug_begin", "cpu_hotplug_begin"})
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


def judged(record: Record, release: str = "") -> Optional[Verdict]:
    """The verdict on a task; None where its trace has nothing to do with moving folios. `release`: '' if not known."""
    trace = Trace(record, release)
    for rule in RULES:
        verdict = rule(trace)
        if verdict is not None:
            return verdict
    return None


def made(
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
    if not trace.is_sure:
        unknown += ("Whether these functions called one another: the kernel marks every one of them as a guess.",)
    return Verdict(
        rule,
        mechanism,
        proved and trace.is_sure,
        sentence,
        tuple(reasons + trace.state()),
        (source,),
        manner,
        trace.mover,
        "",
        unknown,
    )


def sleeps(trace: Trace, what: str) -> str:
    return "%s sleeps %s%s." % (trace.who, what, " " + WHILE[trace.mover] if trace.mover in WHILE else "")


def _private(trace: Trace) -> Made:
    pair = trace.above(PRIVATE, MIGRATING)
    if pair is None:
        return None
    return made(
        trace,
        "waits-for-private-data",
        "private_data",
        sleeps(trace, "until a file system has written the folio's private data"),
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), _at(pair))],
        Source("7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
    )


def _writeback(trace: Trace) -> Made:
    pair = trace.above(WRITEBACK, MIGRATING) or trace.above(OLD_WRITEBACK, MIGRATING)
    if pair is None or trace.first(LOCK):
        return None
    return made(
        trace,
        "waits-for-writeback",
        "writeback",
        sleeps(trace, "until a folio's writeback ends"),
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
    pair = named or trace.above(WAIT, MIGRATING)
    if pair is None or (named is None and (trace.first(WRITEBACK) or trace.first(PRIVATE))):
        return None
    how = "%s, called from %s" % (pair[0].function, pair[1].function)
    how += ": the folio's lock." if named else ", without folio_wait_writeback between them: the folio's lock."
    unknown: Tuple[str, ...] = ("Who holds the lock: a read that nobody answers, or another task that sleeps with it.",)
    is_named = named is not None or pair[0].function.startswith("folio_")
    is_told = is_named or is_at_least(trace.release, WRITEBACK_HAS_A_FRAME)
    if named is None:
        unknown += ("Whether a line is missing from this trace: with folio_wait_writeback in it, it were writeback.",)
    if not is_told:
        unknown += (
            "Whether it is the lock: before 5.2 a wait for writeback may look the same. The version is not here.",
        )
    return made(
        trace,
        "waits-for-folio-lock",
        "page_lock",
        sleeps(trace, "until a folio is unlocked"),
        [Reason(how, _at(pair))],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        unknown,
        proved=is_told,
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
    return made(
        trace,
        "throttled",
        "stuck_isolated",
        sleeps(trace, "because too many folios of the node are isolated"),
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
    is_hotplug = held.function in HOTPLUG
    unknown: Tuple[str, ...] = (
        "Which mover holds it: look for the task in D, or running, under offline_pages or the contiguous allocator.",
    )
    if is_hotplug:
        unknown = ("Who holds it: an offlining that does not end, or else memory or a CPU that is being added.",)
    if held.function in HOTPLUG_WRITERS:
        unknown = ("Who holds it: another hotplug, or a task that has it for reading and sleeps (get_online_mems).",)
    return made(
        trace,
        "queues-behind-mover",
        "waits_on_other",
        sleeps(trace, "for the hotplug lock" if is_hotplug else "for a lock that a mover holds meanwhile"),
        [Reason("%s, called from %s." % (lock.function, held.function), _at((lock, held)))],
        Source("7.3", "mm/memory_hotplug.c", "offline_pages"),
        unknown,
        proved=not is_hotplug,
    )


def _rmap(trace: Trace) -> Made:
    """A mover that waits for the lock of the mappings, which some other task holds."""
    walk = trace.first(RMAP)
    pair = trace.above(SLEEPING_LOCKS, MIGRATING)
    if walk is None or pair is None:
        return None
    return made(
        trace,
        "waits-for-mappings",
        "waits_on_other",
        sleeps(trace, "for the lock of a folio's mappings"),
        [Reason("%s, called from %s." % (pair[0].function, walk.function), _at((pair[0], walk)))],
        Source("6.12, 7.3", "mm/rmap.c", "rmap_walk"),
        ("Who holds that lock: look at the other tasks in D.",),
    )


def _victim(trace: Trace) -> Made:
    """A task that touched a folio which a mover has in its hands: it waits as long as the mover does."""
    frame = trace.first(VICTIM)
    if frame is None:
        return None
    return made(
        trace,
        "waits-for-migration",
        "waits_on_other",
        sleeps(trace, "until a mover is done with a folio that it touched"),
        [Reason("%s: the page table holds an entry of a migration under way." % frame.function, (frame.place,))],
        Source("5.10 to 7.3", "mm/migrate.c", "migration_entry_wait"),
        ("Which mover, and what that waits for: look for a task in D under migrate_pages.",),
    )


def _reclaiming(trace: Trace) -> Made:
    """A mover that needs memory for the folio's new place, and waits for reclaim: the folio itself refused nothing."""
    elsewhere, moving = trace.elsewhere(), trace.first(MIGRATING)
    if elsewhere is None or moving is None or not trace.first(WRITEBACK | LOCK | WAIT | OLD_WRITEBACK | THROTTLE):
        return None
    return made(
        trace,
        "reclaims-meanwhile",
        "",
        sleeps(trace, "in reclaim or a page fault, and not for the folio that it moves"),
        [Reason("%s, called from %s." % (elsewhere.function, moving.function), _at((elsewhere, moving)))],
        Source("6.12, 7.3", "mm/migrate.c", "alloc_migration_target"),
        ("What it waits for: not a folio of the range, so this is none of the known ways.",),
        proved=False,
    )


def _at(pair: Sequence[Frame]) -> Tuple[Place, ...]:
    return tuple(frame.place for frame in pair)


RULES: Tuple[Callable[[Trace], Made], ...] = (
    *(_private, _writeback, _lock, _throttled, _queues, _rmap, _victim, _reclaiming),
)
