"""From what a log says beside page dumps and call traces to a verdict."""

from __future__ import annotations

from typing import Callable, Dict, Optional

from diagnosis.rules import cma, figures, offlining
from diagnosis.rules.surroundings import Context
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Record


def judged(record: Record, context: Context) -> Optional[Verdict]:
    """The verdict on one record; None where it only tells something about others."""
    rule = RULES.get(record.kind)
    return rule(record, context) if rule else None


def _soft_offline(record: Record, context: Context) -> Optional[Verdict]:
    source = Source("6.1, 7.3", "mm/memory-failure.c", "soft_offline_in_use_page")
    flags = {value.text for value in record.values if value.name == "flag"}
    is_huge = record.text("what") == "hugepage" or "head" in flags
    if record.text("failed") == "isolation":
        is_off_list = bool(flags) and "lru" not in flags and not is_huge and record.get("flags_cut") is None
        return Verdict(
            "soft-offline-isolation",
            "not_on_lru" if is_off_list else "",
            is_off_list,
            "A soft offline could not isolate the %s." % ("huge page" if is_huge else "page"),
            (Reason("The kernel's line.", record.places("failed", "flags")),),
            (source,),
            "rejected_at_once",
            "soft_offline",
        )
    if record.text("failed") == "split":
        return Verdict(
            "soft-offline-split",
            "split_failure",
            False,
            "A soft offline could not split a large folio.",
            (Reason("The kernel's line.", record.places("failed")),),
            (source,),
            "rejected_at_once",
            "soft_offline",
            "",
            ("What kept it from being split: this line has no reference count.",),
        )
    if record.number("ret") == -12:
        return Verdict(
            "soft-offline-no-target",
            "no_target_memory",
            True,
            "A soft offline found no %s to move the page to." % ("free huge page" if is_huge else "memory"),
            (Reason("-ENOMEM. A negative number is an errno, not a count.", record.places("ret")),),
            (source,),
            "rejected_at_once",
            "soft_offline",
        )
    if "writeback" in flags:
        return Verdict(
            "soft-offline-writeback",
            "writeback",
            True,
            "A soft offline left a folio that is under writeback.",
            (Reason("writeback among the flags.", record.places("flags")),),
            (source,),
            "rejected_at_once",
            "soft_offline",
        )
    return Verdict(
        "soft-offline",
        "",
        False,
        "A soft offline could not move the page; its line has no reference count.",
        (Reason("%s: the migration left it." % (record.text("ret") or "Failed"), record.places("failed", "ret")),),
        (source,),
        "rejected_at_once",
        "soft_offline",
        "",
        ("What held it: this line shows flags, not references.",),
    )


RULES: Dict[str, Callable[[Record, Context], Optional[Verdict]]] = {
    "migration_failed": offlining.migration_failed,
    "isolation_failed": offlining.isolation_failed,
    "offlining": offlining.offlining,
    "write_error": offlining.write_error,
    "write_elsewhere": offlining.write_elsewhere,
    "not_dissolved": offlining.not_dissolved,
    "soft_offline": _soft_offline,
    "memory_block": offlining.block,
    "cma_failed": cma.failed,
    "cma_busy": cma.busy,
    "contig_busy": cma.busy,
    "cma_free": cma.free,
    "cma_area": cma.area,
    "trace": figures.trace,
    "counter": figures.counter,
    "suspects": figures.suspects,
    "no_migrate_folio": figures.no_migrate_folio,
}
