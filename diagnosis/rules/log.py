"""From what a log says beside page dumps and call traces to a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Sequence, Set, Tuple

from diagnosis.rules import cma, figures, offlining
from diagnosis.rules.surroundings import Context
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Record


def judged(record: Record, context: Context) -> Optional[Verdict]:
    """The verdict on one record; None where it only tells something about others."""
    rule = RULES.get(record.kind)
    return rule(record, context) if rule else None


@dataclass(frozen=True)
class SoftOffline:
    """One way in which the line of a soft offline says that it failed. `holds` asks the line for it.

    In `sentence` and `reason`, {page} and {memory} are what was to move and where to, {ret} the errno.
    """

    rule: str
    holds: Callable[[Record], bool]
    sentence: str
    reason: str
    shown_by: Tuple[str, ...]
    mechanism: str = ""
    is_proved: bool = False
    unknown: Tuple[str, ...] = ()


def _flags(record: Record) -> Set[str]:
    return {value.text for value in record.values if value.name == "flag"}


def _is_huge(record: Record) -> bool:
    return record.text("what") == "hugepage" or "head" in _flags(record)


def _is_off_list(record: Record) -> bool:
    """Could it not be isolated because it is on no list? Only flags that are all there can tell."""
    flags = _flags(record)
    is_whole = bool(flags) and record.get("flags_cut") is None
    return record.text("failed") == "isolation" and is_whole and "lru" not in flags and not _is_huge(record)


# The first that holds decides.
SOFT_OFFLINES: Sequence[SoftOffline] = (
    SoftOffline(
        "soft-offline-isolation",
        _is_off_list,
        "A soft offline could not isolate the {page}.",
        "The kernel's line.",
        ("failed", "flags"),
        "not_on_lru",
        is_proved=True,
    ),
    SoftOffline(
        "soft-offline-isolation",
        lambda record: record.text("failed") == "isolation",
        "A soft offline could not isolate the {page}.",
        "The kernel's line.",
        ("failed", "flags"),
    ),
    SoftOffline(
        "soft-offline-split",
        lambda record: record.text("failed") == "split",
        "A soft offline could not split a large folio.",
        "The kernel's line.",
        ("failed",),
        "split_failure",
        unknown=("What kept it from being split: this line has no reference count.",),
    ),
    SoftOffline(
        "soft-offline-no-target",
        lambda record: record.number("ret") == -12,
        "A soft offline found no {memory} to move the page to.",
        "-ENOMEM. A negative number is an errno, not a count.",
        ("ret",),
        "no_target_memory",
        is_proved=True,
    ),
    SoftOffline(
        "soft-offline-writeback",
        lambda record: "writeback" in _flags(record),
        "A soft offline left a folio that is under writeback.",
        "writeback among the flags.",
        ("flags",),
        "writeback",
        is_proved=True,
    ),
    SoftOffline(
        "soft-offline",
        lambda record: True,
        "A soft offline could not move the page; its line has no reference count.",
        "{ret}: the migration left it.",
        ("failed", "ret"),
        unknown=("What held it: this line shows flags, not references.",),
    ),
)


def _soft_offline(record: Record, context: Context) -> Optional[Verdict]:
    way = next(way for way in SOFT_OFFLINES if way.holds(record))
    is_huge = _is_huge(record)
    words = {
        "page": "huge page" if is_huge else "page",
        "memory": "free huge page" if is_huge else "memory",
        "ret": record.text("ret") or "Failed",
    }
    return Verdict(
        way.rule,
        way.mechanism,
        way.is_proved,
        way.sentence.format(**words),
        (Reason(way.reason.format(**words), record.places(*way.shown_by)),),
        (Source("6.1, 7.3", "mm/memory-failure.c", "soft_offline_in_use_page"),),
        "rejected_at_once",
        "soft_offline",
        unknown=way.unknown,
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
