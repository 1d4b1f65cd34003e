"""From what a log says beside page dumps and call traces to a verdict."""

from __future__ import annotations

from typing import Callable, Dict, Optional

from diagnosis import cma_rules, figure_rules
from diagnosis.around import Context
from diagnosis.record import Record
from diagnosis.verdict import Reason, Source, Verdict

_OFFLINE = Source("5.10 to 7.3", "mm/memory_hotplug.c", "offline_pages")


def judged(record: Record, context: Context) -> Optional[Verdict]:
    """The verdict on one record; None where it only tells something about others."""
    rule = RULES.get(record.kind)
    return rule(record, context) if rule else None


def _migration_failed(record: Record, context: Context) -> Optional[Verdict]:
    ret = record.number("ret")
    places = record.places("failed_pfn", "ret")
    if ret is not None and ret == -12:
        return Verdict(
            "no-target-line",
            "no_target_memory",
            True,
            "An offlining found no memory to move a folio to.",
            (Reason("-ENOMEM. A negative number is an errno, not a count.", places),),
            (Source("4.x to 7.3", "mm/memory_hotplug.c", "do_migrate_range"),),
            "retries_without_progress",
            "offline",
            "",
            ("Whether a huge page lacked a target, or an ordinary folio: the page dump says that.",),
        )
    what = "An offlining could not move a folio."
    if ret and ret > 0:
        what = "An offlining left %s behind." % ("one folio" if ret == 1 else "%d folios" % ret)
    why = (
        "A positive number counts the folios that were left; it is no errno."
        if ret and ret > 0
        else "The page dump that says why is missing."
    )
    return Verdict(
        "left-behind",
        "",
        False,
        what,
        (Reason(why, places),),
        (Source("4.x to 7.3", "mm/memory_hotplug.c", "do_migrate_range"),),
        "retries_without_progress",
        "offline",
        "",
        ("What held them: the page dump after this line says that, and is missing.",),
    )


def _isolation_failed(record: Record, context: Context) -> Optional[Verdict]:
    return Verdict(
        "not-isolated-line",
        "",
        False,
        "An offlining could not isolate a page.",
        (Reason("The page dump that says why is missing.", record.places("failed_pfn")),),
        (Source("5.10 to 7.3", "mm/memory_hotplug.c", "do_migrate_range"),),
        "retries_without_progress",
        "offline",
    )


def _offlining(record: Record, context: Context) -> Optional[Verdict]:
    reason = record.text("reason")
    if not record.get("failed"):
        return None
    places = record.places("failed", "reason")
    if reason in ("unmovable page", "memory holes", "multizone range", "failure to isolate range"):
        return Verdict(
            "offline-refused",
            "not_movable_type",
            reason == "unmovable page",
            "The offlining was refused at once: %s." % reason,
            (Reason("The reason that the kernel gives.", places),),
            (_OFFLINE,),
            "rejected_at_once",
            "offline",
            "",
            (),
            True,
        )
    if reason == "failure to dissolve huge pages":
        return Verdict(
            "offline-hugetlb",
            "no_target_memory",
            True,
            "A free huge page in the block could not be dissolved.",
            (Reason("The reason that the kernel gives.", places),),
            (_OFFLINE,),
            "rejected_at_once",
            "offline",
        )
    if reason == "signal backoff":
        return Verdict(
            "offline-interrupted",
            "",
            False,
            "The offlining tried until a signal ended it; something would not move.",
            (Reason("`signal backoff`: it was interrupted, and had not finished.", places),),
            (_OFFLINE,),
            "retries_without_progress",
            "offline",
            "",
            ("What held the memory: page dumps from the time before say that.",),
        )
    return Verdict(
        "offline-failed",
        "",
        False,
        "An offlining failed%s." % (": " + reason if reason else "; this kernel gives no reason"),
        (Reason("The kernel's line.", places),),
        (_OFFLINE,),
        "",
        "offline",
    )


def _write_error(record: Record, context: Context) -> Optional[Verdict]:
    return Verdict(
        "write-refused",
        "",
        False,
        "The write came back at once with EBUSY: nothing was tried for long.",
        (Reason("What the tool says.", record.places("error")),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        "",
        ("Why: the kernel tells the reason at debug level only.",),
    )


def _block(record: Record, context: Context) -> Optional[Verdict]:
    """A block on its way out. Whoever has the mover's call trace as well learns more from that."""
    if record.text("state") != "going-offline" or context.has("task:offline_pages", "task:__offline_pages"):
        return None
    return Verdict(
        "offline-under-way",
        "",
        False,
        "%s is being taken offline, and that has not ended." % (record.text("name") or "A memory block"),
        (Reason("Its state.", record.places("state")),),
        (Source("5.10 to 7.3", "drivers/base/memory.c", "memory_block_change_state"),),
        "",
        "offline",
        "",
        ("Whether it sleeps or tries again: the call trace of the task that wrote `offline` tells.",),
    )


def _soft_offline(record: Record, context: Context) -> Optional[Verdict]:
    source = Source("6.1, 7.3", "mm/memory-failure.c", "soft_offline_in_use_page")
    flags = {value.text for value in record.values if value.name == "flag"}
    is_huge = record.text("what") == "hugepage" or "head" in flags
    if record.text("failed") == "isolation":
        is_off_list = bool(flags) and "lru" not in flags and not is_huge
        return Verdict(
            "soft-offline-isolation",
            "not_on_lru" if is_off_list else "",
            is_off_list,
            "A soft offline could not isolate the page.",
            (Reason("The kernel's line.", record.places("failed", "flags")),),
            (source,),
            "rejected_at_once",
            "soft_offline",
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
    "migration_failed": _migration_failed,
    "isolation_failed": _isolation_failed,
    "offlining": _offlining,
    "write_error": _write_error,
    "soft_offline": _soft_offline,
    "memory_block": _block,
    "cma_failed": cma_rules.failed,
    "cma_busy": cma_rules.busy,
    "contig_busy": cma_rules.busy,
    "cma_free": cma_rules.free,
    "cma_area": cma_rules.area,
    "trace": figure_rules.trace,
    "counter": figure_rules.counter,
    "suspects": figure_rules.suspects,
    "no_migrate_folio": figure_rules.no_migrate_folio,
}
