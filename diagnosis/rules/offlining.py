"""From what the kernel and its users print of an offlining, beside page dumps and call traces, to a verdict."""

from __future__ import annotations

from typing import Callable, Mapping, Optional, Tuple

from diagnosis.rules.surroundings import Context
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Place, Record

Places = Tuple[Place, ...]
_OFFLINE = Source("5.10 to 7.3", "mm/memory_hotplug.c", "offline_pages")
_RANGE = Source("4.x to 7.3", "mm/memory_hotplug.c", "do_migrate_range")


def migration_failed(record: Record, context: Context) -> Optional[Verdict]:
    ret = record.number("ret")
    places = record.places("failed_pfn", "ret")
    if ret == -12:
        return _no_target(places)
    is_count = ret is not None and ret > 0
    left = "one folio" if ret == 1 else "%s folios" % ret
    return Verdict(
        "left-behind",
        "",
        False,
        "An offlining left %s behind." % left if is_count else "An offlining could not move a folio.",
        (
            Reason(
                "A positive number counts the folios that were left; it is no errno."
                if is_count
                else "The page dump that says why is missing.",
                places,
            ),
        ),
        (_RANGE,),
        "retries_without_progress",
        "offline",
        "",
        ("What held them: the page dump after this line says that, and is missing.",),
    )


def _no_target(places: Places) -> Verdict:
    return Verdict(
        "no-target-line",
        "no_target_memory",
        True,
        "An offlining found no memory to move a folio to.",
        (Reason("-ENOMEM. A negative number is an errno, not a count.", places),),
        (_RANGE,),
        "retries_without_progress",
        "offline",
        "",
        ("Whether a huge page lacked a target, or an ordinary folio: the page dump says that.",),
    )


def isolation_failed(record: Record, context: Context) -> Optional[Verdict]:
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


def offlining(record: Record, context: Context) -> Optional[Verdict]:
    """The line that ends an offlining which did not succeed, by the reason that it gives."""
    if not record.get("failed"):
        return None
    reason = record.text("reason")
    return ENDS.get(reason, _failed)(reason, record.places("failed", "reason"))


def _no_range(reason: str, places: Places) -> Verdict:
    what = "it has holes" if reason == "memory holes" else "it spans more than one zone"
    return Verdict(
        "offline-no-range",
        "",
        False,
        "The range cannot be offlined as a whole: %s. No page of it refused to move." % what,
        (Reason("The reason that the kernel gives (EINVAL, before it looks at any page).", places),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        is_look_alike=True,
    )


def _not_isolated(reason: str, places: Places) -> Verdict:
    return Verdict(
        "offline-not-isolated",
        "",
        False,
        "The offlining was refused at once: a pageblock of the range could not be isolated.",
        (Reason("The reason that the kernel gives.", places),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        "",
        ("Why: it holds memory that was never movable, or another offlining or allocation has it isolated.",),
    )


def _notifier(reason: str, places: Places) -> Verdict:
    return Verdict(
        "offline-notifier",
        "",
        False,
        "The offlining was refused at once by a driver or subsystem that is told of it first; no page refused to move.",
        (Reason("The reason that the kernel gives.", places),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        "",
        ("Who refused: KVM, virtio-mem, a balloon or a hypervisor's driver may have memory of the block in use.",),
        True,
    )


def _refused(reason: str, places: Places) -> Verdict:
    return Verdict(
        "offline-refused",
        "not_movable_type",
        True,
        "The offlining was refused at once: %s." % reason,
        (Reason("The reason that the kernel gives.", places),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        is_look_alike=True,
    )


def _not_dissolved(reason: str, places: Places) -> Verdict:
    return Verdict(
        "offline-hugetlb",
        "no_target_memory",
        False,
        "A free huge page in the block could not be dissolved.",
        (Reason("The reason that the kernel gives.", places),),
        (_OFFLINE,),
        "rejected_at_once",
        "offline",
        "",
        ("Why: every free page of the pool is reserved, or there was no memory for what describes its parts.",),
    )


def _interrupted(reason: str, places: Places) -> Verdict:
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


def _failed(reason: str, places: Places) -> Verdict:
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


ENDS: Mapping[str, Callable[[str, Places], Verdict]] = {
    "unmovable page": _refused,
    "memory holes": _no_range,
    "multizone range": _no_range,
    "failure to isolate range": _not_isolated,
    "notifier failure": _notifier,
    "node notifier failure": _notifier,
    "failure to dissolve huge pages": _not_dissolved,
    "signal backoff": _interrupted,
}


def write_error(record: Record, context: Context) -> Optional[Verdict]:
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


def write_elsewhere(record: Record, context: Context) -> Optional[Verdict]:
    return Verdict(
        "write-elsewhere",
        "",
        False,
        "The write that was refused was to %s, which is no memory block: it says nothing of memory."
        % record.text("path"),
        (Reason("What was written to, and what the tool says.", record.places("path", "error")),),
        (),
        is_look_alike=True,
    )


def not_dissolved(record: Record, context: Context) -> Optional[Verdict]:
    """Said of a huge page by itself: whether anything was to be moved off the range, this line does not tell."""
    return Verdict(
        "hugetlb-not-dissolved",
        "no_target_memory",
        False,
        "A free huge page of the pool could not be dissolved.",
        (Reason("What the kernel says.", record.places("failed")),),
        (Source("4.14 to 7.3", "mm/hugetlb.c", "dissolve_free_hugetlb_folio"),),
        "rejected_at_once",
        "",
        "",
        ("Why: every free page of the pool is reserved, or the page was taken into use at that moment.",),
    )


def block(record: Record, context: Context) -> Optional[Verdict]:
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
