"""From the call trace of a task that waits for others to its verdict: for another mover, for reclaim, for a lock."""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.rules.tasks.functions import (
    HOTPLUG,
    HOTPLUG_WRITERS,
    LOCK,
    MAPPINGS,
    MIGRATING,
    OLD_WRITEBACK,
    RMAP,
    SLEEPING_LOCKS,
    THROTTLE,
    VICTIM,
    WAIT,
    WRITEBACK,
)
from diagnosis.rules.tasks.verdicts import Made, made, places_of, sleeps
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Reason, Source


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
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), places_of(pair))],
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
        [Reason("%s, called from %s." % (lock.function, held.function), places_of((lock, held)))],
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
        [Reason("%s, called from %s." % (pair[0].function, walk.function), places_of((pair[0], walk)))],
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
        [Reason("%s, called from %s." % (elsewhere.function, moving.function), places_of((elsewhere, moving)))],
        Source("6.12, 7.3", "mm/migrate.c", "alloc_migration_target"),
        ("What it waits for: not a folio of the range, so this is none of the known ways.",),
        proved=False,
    )


RULES: Tuple[Callable[[Trace], Made], ...] = (_throttled, _queues, _rmap, _victim, _reclaiming)
