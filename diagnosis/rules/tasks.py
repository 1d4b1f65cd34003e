"""From the call trace of a task to its verdict: what it waits for, and in whose name it moves folios."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

from diagnosis.kernels.releases import is_at_least
from diagnosis.rules.task_state import first_caller
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Frame, Place, Record

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
LOCK = frozenset({"__folio_lock", "__lock_page", "folio_lock", "lock_page"})
# The lock of a bit, of whatever: a page up to 4.12, a buffer head always (mm/filemap.c, fs/buffer.c).
BIT_LOCK = frozenset({"__wait_on_bit_lock", "out_of_line_wait_on_bit_lock"})
BUFFER_LOCK = frozenset({"__lock_buffer", "lock_buffer"})
# These lock every buffer of a folio before they move it (mm/migrate.c). They sleep for nothing else.
BUFFERS = frozenset(
    {
        *(
            "__buffer_migrate_folio",
            "buffer_migrate_folio",
            "buffer_migrate_folio_norefs",
            "buffer_migrate_lock_buffers",
        ),
        *("__buffer_migrate_page", "buffer_migrate_page", "buffer_migrate_page_norefs"),
    }
)
# What calls for a folio's lock on a mover's behalf.
LOCKERS = MIGRATING | {"do_migrate_range", "migrate_folios_unmap", "migrate_hugetlbs", "unmap_and_move_huge_page"}
# Where nothing else stands between it and the mover, the lock's own function was called as the last thing, and is gone.
WAIT = frozenset({"folio_wait_bit_common", "wait_on_page_bit_common"})
# A wait for some folio's bit, whichever.
SOME_FOLIO = WRITEBACK | OLD_WRITEBACK | LOCK | WAIT | {"folio_wait_bit", "folio_wait_bit_killable"}
WRITEBACK_HAS_A_FRAME = (5, 2)
RMAP = frozenset(
    {"rmap_walk_file", "rmap_walk_anon", "rmap_walk", "try_to_migrate", "try_to_unmap", "remove_migration_ptes"}
)
VICTIM = frozenset(
    {"migration_entry_wait", "migration_entry_wait_on_locked", "__migration_entry_wait", "pmd_migration_entry_wait"}
)
PRIVATE_2 = frozenset(
    {
        *("folio_wait_private_2", "folio_wait_private_2_killable", "wait_on_page_private_2"),
        *("wait_on_page_private_2_killable", "__fscache_wait_on_page_write"),
    }
)
PRIVATE = PRIVATE_2 | {"nfs_wb_folio", "nfs_wb_page", "nfs_wb_folio_reclaim"}
THROTTLE = frozenset({"reclaim_throttle", "congestion_wait", "too_many_isolated"})
SLEEPING_LOCKS = frozenset(
    {
        "__mutex_lock",
        "__mutex_lock_slowpath",
        "mutex_lock",
        "mutex_lock_nested",
        "__mutex_lock_common",
        "down_read",
        "down_write",
        "down_read_killable",
        "rwsem_down_read_failed",
        "rwsem_down_write_failed",
        "percpu_rwsem_wait",
        "percpu_down_write",
        "__percpu_down_read",
        "rwsem_down_read_slowpath",
        "rwsem_down_write_slowpath",
        *("call_rwsem_down_read_failed", "call_rwsem_down_write_failed", "__down_read", "__down_write"),
        *("rwbase_read_lock", "rt_mutex_slowlock", "__rt_mutex_slowlock", "rt_mutex_lock"),
    }
)
# What takes the lock of a folio's mappings on behalf of a walk through them.
MAPPINGS = frozenset({"folio_lock_anon_vma_read", "page_lock_anon_vma_read", "i_mmap_lock_read", "anon_vma_lock_read"})
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
    "contiguous": "while it clears a range for a contiguous allocation",
}
Made = Optional[Verdict]


def judged(record: Record, release: str = "") -> Optional[Verdict]:
    """The verdict on a task that sleeps; None where it does not, or its trace has nothing to do with moving folios.

    `release`: '' if not known. Whoever runs, was interrupted or is dead waits for nothing: no rule here sees him.
    """
    trace = Trace(record, release)
    if not trace.may_sleep:
        return None
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
    if manner == "sleeps_in_d" and not trace.is_blocked:
        unknown += (
            "Whether the task slept: nothing here tells its state, and one that runs may show the same functions.",
        )
        manner, proved = "", False
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
    """`kcompactd0 (pid 44) sleeps …`, or `may sleep` where nothing tells that it did."""
    how = "sleeps" if trace.is_blocked else "may sleep"
    return "%s %s %s%s." % (trace.who, how, what, " " + WHILE[trace.deed] if trace.deed in WHILE else "")


def _private(trace: Trace) -> Made:
    pair = trace.above(PRIVATE, MIGRATING)
    if pair is None:
        return None
    return made(
        trace,
        "waits-for-private-data",
        "private_data",
        sleeps(
            trace,
            "until a folio has been written to a local cache"
            if trace.first(PRIVATE_2)
            else "until a file system has written the folio's private data",
        ),
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), _at(pair))],
        Source("6.8, 6.14, 7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
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


def _buffer(trace: Trace) -> Made:
    """The lock of a buffer head: a block device's I/O holds it, and the folio itself is neither locked by that nor
    under writeback. /proc/PID/stack leaves out everything above the function that called for it."""
    pair = trace.under(BUFFER_LOCK | BIT_LOCK, BUFFERS)
    if pair is None:
        inner = first_caller(trace.frames)
        at = trace.frames.index(inner) if inner is not None else -1
        if inner is None or inner.function not in BUFFERS or at + 1 >= len(trace.frames):
            return None
        pair = (inner, trace.frames[at + 1])
    if not trace.first(MIGRATING):
        return None
    return made(
        trace,
        "waits-for-buffer-lock",
        "buffer_lock",
        sleeps(trace, "until a buffer head of a folio is unlocked"),
        [
            Reason(
                "%s, called from %s: a buffer's lock, not the folio's." % (pair[0].function, pair[1].function),
                _at(pair),
            )
        ],
        Source("4.4 to 7.3", "mm/migrate.c", "buffer_migrate_lock_buffers"),
        ("Which block device's: metadata is written under the buffer's lock, and counts as no writeback.",),
    )


def _lock(trace: Trace) -> Made:
    named = trace.beside(LOCK | WAIT | BIT_LOCK, LOCKERS)
    if named is None or not trace.first(LOCK | WAIT):
        return None
    is_named = bool(trace.first(LOCK))
    if not is_named and (trace.first(WRITEBACK) or trace.first(PRIVATE)):
        return None
    pair = named
    how = "%s, called from %s" % (pair[0].function, pair[1].function)
    how += ": the folio's lock." if is_named else ", without folio_wait_writeback between them: the folio's lock."
    unknown: Tuple[str, ...] = ("Who holds the lock: a read that nobody answers, or another task that sleeps with it.",)
    is_told = is_named or pair[0].function.startswith("folio_") or is_at_least(trace.release, WRITEBACK_HAS_A_FRAME)
    if not is_named:
        unknown += ("Whether a line is missing from this trace: with folio_wait_writeback in it, it were writeback.",)
    if not is_told:
        unknown += (
            "Whether it is the lock: before 5.2 a wait for writeback may look the same. The version is not here.",
        )
    is_doubted = not is_named and trace.guessed_between(*pair, WRITEBACK | PRIVATE | OLD_WRITEBACK)
    if is_doubted:
        unknown += ("Whether it is the lock: the kernel guesses that another wait stands between the two.",)
    return made(
        trace,
        "waits-for-folio-lock",
        "page_lock",
        sleeps(trace, "until a folio is unlocked"),
        [Reason(how, _at(pair))],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        unknown,
        proved=is_told and not is_doubted,
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
        proved=pair[1].function != "shrink_inactive_list",
    )


def _queues(trace: Trace) -> Made:
    allocators = frozenset({"cma_alloc", "__cma_alloc", "__cma_alloc_frozen", "cma_range_alloc"})
    pair = trace.under(SLEEPING_LOCKS, HOTPLUG) or trace.beside(SLEEPING_LOCKS, allocators)
    if pair is None or trace.first(MIGRATING):
        return None
    lock, held = pair
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
    """A mover that waits for the lock of the mappings, which some other task holds. What it calls while it has that
    lock takes others."""
    walked, pair = trace.beside(SLEEPING_LOCKS | MAPPINGS, RMAP), trace.above(SLEEPING_LOCKS, MIGRATING)
    if walked is None or pair is None:
        return None
    walk = walked[1]
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
        sleeps(trace, "in reclaim, a page fault or a driver, and not for the folio that it moves"),
        [Reason("%s, called from %s." % (elsewhere.function, moving.function), _at((elsewhere, moving)))],
        Source("6.12, 7.3", "mm/migrate.c", "alloc_migration_target"),
        ("What it waits for: not a folio of the range, so this is none of the known ways.",),
        proved=False,
    )


def _at(pair: Sequence[Frame]) -> Tuple[Place, ...]:
    return tuple(frame.place for frame in pair)


RULES: Tuple[Callable[[Trace], Made], ...] = (
    *(_private, _buffer, _writeback, _lock, _throttled, _queues, _rmap, _victim, _reclaiming),
)
