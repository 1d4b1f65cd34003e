"""From trace events, counters and page frames to a verdict: they tell that something stays, and seldom what."""

from __future__ import annotations

from typing import Optional

from diagnosis.rules.cma import busy
from diagnosis.rules.surroundings import Context
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Record

_REASONS = {
    "memory_hotplug": "offline",
    "contig_range": "cma",
    "compaction": "compaction",
    "longterm_pin": "longterm_pin",
    "syscall_or_cpuset": "move_pages",
    "mempolicy_mbind": "move_pages",
    "memory_failure": "soft_offline",
    "numa_misplaced": "numa_balancing",
    "demotion": "demotion",
}
_COUNTERS = {
    "pgmigrate_fail": ("", "%d migrations failed between the two readings."),
    "cma_alloc_fail": ("", "%d CMA allocations failed between the two readings."),
    "thp_split_page_failed": ("split_failure", "%d large folios could not be split between the two readings."),
}


def trace(record: Record, context: Context) -> Optional[Verdict]:
    event = record.text("event")
    if event == "cma_alloc_busy_retry":
        return busy(record, context)
    if event == "test_pages_isolated" and record.text("ret") == "fail":
        text = "Page frame %s was the first of its range that was still in use." % record.text("fin_pfn")
        return Verdict(
            "first-busy-frame",
            "",
            False,
            text,
            (Reason("fin_pfn.", record.places("fin_pfn", "ret")),),
            (Source("5.10 to 7.3", "mm/page_isolation.c", "test_pages_isolated"),),
            "retries_without_progress",
            "",
            "",
            ("What holds it: look at this frame in /proc/kpageflags and /proc/kpagecount.",),
        )
    failed = record.number("nr_failed") or 0
    if event == "mm_migrate_pages" and failed:
        mover = _REASONS.get(record.text("reason"), "")
        text = "%d folios stayed where they were (%s, %s)." % (failed, record.text("reason"), record.text("mode"))
        return Verdict(
            "migrate-event",
            "",
            False,
            text,
            (Reason("nr_failed.", record.places("nr_failed", "mode", "reason")),),
            (Source("5.10 to 7.3", "mm/migrate.c", "migrate_pages"),),
            "",
            mover,
            "",
            ("Which folios, and why: the event names neither.",),
        )
    return None


def counter(record: Record, context: Context) -> Optional[Verdict]:
    before, after, name = record.number("before"), record.number("after"), record.text("name")
    if before is None or after is None or after <= before or name not in _COUNTERS:
        return None
    mechanism, text = _COUNTERS[name]
    return Verdict(
        "counter-" + name,
        mechanism,
        False,
        text % (after - before),
        (Reason("It grew.", record.places("before", "after")),),
        (Source("5.10 to 7.3", "mm/vmstat.c", "vmstat_text"),),
        "",
        "",
        "",
        ("Whose folios: the counters are of the whole system. A mover that sleeps counts as no failure.",),
    )


def suspects(record: Record, context: Context) -> Optional[Verdict]:
    """Of one block, by /proc/kpageflags: kernel memory in it is why it is refused at once. What a balloon or hypervisor
    driver took offline alone is not: an offline passes by such a page, unless somebody still refers to it."""
    names = ("reserved", "slab", "table", "offline")
    numbers = {name: record.number(name) or 0 for name in names}
    if not any(numbers.values()):
        return None
    block = record.text("block") or "The block"
    if numbers["offline"] and sum(numbers.values()) == numbers["offline"]:
        text = "%s holds %d pages that a balloon or hypervisor driver has taken offline." % (block, numbers["offline"])
        return Verdict(
            "offline-pages-in-block",
            "not_movable_type",
            False,
            text,
            (Reason("By their flags.", record.places("offline")),),
            (Source("7.3", "mm/memory_hotplug.c", "scan_movable_pages"),),
            "rejected_at_once",
            "offline",
            "",
            ("Whether one of them is still referred to: only then is the block refused for it.",),
        )
    listed = ", ".join("%d %s" % (number, name) for name, number in numbers.items() if number)
    text = "%s holds pages that were never movable: %s." % (block, listed)
    return Verdict(
        "kernel-pages-in-block",
        "not_movable_type",
        True,
        text,
        (Reason("By their flags.", record.places(*names)),),
        (Source("5.10 to 7.3", "mm/page_isolation.c", "has_unmovable_pages"),),
        "rejected_at_once",
        "offline",
        is_look_alike=True,
    )


def no_migrate_folio(record: Record, context: Context) -> Optional[Verdict]:
    text = "%s has no migrate_folio: its dirty folios stay until they are written." % record.text("aops")
    return Verdict(
        "says-no-migrate-folio",
        "no_migrate_op",
        True,
        text,
        (Reason("The kernel says so, once a boot.", record.places("aops")),),
        (Source("6.16 to 7.3", "mm/migrate.c", "fallback_migrate_folio"),),
    )
