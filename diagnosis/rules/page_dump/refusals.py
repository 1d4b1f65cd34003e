"""Page dumps of memory that no mover could take on: not movable, not on a list, nowhere to go, or never at all."""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.rules.page_dump import isolation
from diagnosis.rules.page_dump.dump import FAILED, NOT_ISOLATED, OFFLINE, Dump, Made, capital, verdict
from diagnosis.rules.page_dump.references import is_drivers
from diagnosis.rules.verdict import Reason, Source, Verdict

CHECK = Source("5.10 to 7.3", "mm/page_isolation.c", "has_unmovable_pages")

NEVER = {
    "secretmem_aops": ("mm/secretmem.c", "secretmem_migrate_folio"),
    "kvm_gmem_aops": ("virt/kvm/guest_memfd.c", "kvm_gmem_migrate_folio"),
}


def _foreign(dump: Dump) -> Made:
    reason = dump.record.text("reason")
    if not reason or reason in FAILED + NOT_ISOLATED + ("unmovable page",):
        return None
    return Verdict(
        "other-dump",
        "",
        False,
        "The kernel dumped this page for a reason that has nothing to do with migration: %s." % reason,
        (Reason("The reason that the kernel gives.", dump.record.places("reason")),),
        (),
        is_look_alike=True,
    )


def _unmovable(dump: Dump) -> Made:
    if dump.record.text("reason") != "unmovable page":
        return None
    if dump.record.get("bad_mapping") or dump.record.get("nameless_mapping"):
        return _unread_mapping(dump)
    if _looks_movable(dump):
        return _between_lists(dump)
    what = "memory that was never movable"
    if dump.has("page_type:offline"):
        what = "a page that a balloon or hypervisor driver has taken offline and still refers to"
    elif dump.has("flag:reserved"):
        what = "memory that was reserved at boot"
    elif dump.has("flag:slab") or dump.has("page_type:slab"):
        what = "a slab of the kernel"
    elif dump.has("page_type:table"):
        what = "a page table"
    return verdict(
        dump,
        "unmovable-page",
        "not_movable_type",
        "The range holds %s, so it is refused before anything is migrated." % what,
        [Reason("The check for unmovable pages found it.", dump.at("reason:unmovable page"))],
        CHECK,
        manner="rejected_at_once",
        look_alike=not dump.has("page_type:offline"),
    )


def _looks_movable(dump: Dump) -> bool:
    """Anonymous or of a file, by the dump itself: the check takes whatever is on no LRU list at that moment."""
    if dump.has("flag:reserved") or dump.has("flag:slab") or dump.record.text("page_type") or is_drivers(dump.record):
        return False
    return dump.has("folio:anon") or dump.has("folio:ksm") or dump.has("folio:file")


def _unread_mapping(dump: Dump) -> Made:
    """Up to 6.6 the target of a migration has a pointer to something else in the place of its mapping, for as long as
    that lasts (mm/migrate.c __migrate_folio_record): nothing there can be read, and nothing is wrong."""
    record = dump.record
    is_target = dump.has("flag:locked") and not dump.has("flag:lru") and record.number("refcount") == 1
    if not (is_target and record.get("bad_mapping") and record.number("mapcount") == 0):
        return _no_kind(dump)
    at = dump.at("flag:locked") + record.places("refcount", "bad_mapping")
    return verdict(
        dump,
        "migration-target",
        "",
        "A locked folio whose mapping cannot be read made the check refuse the range: by that, the target of a "
        "migration under way, and free of it in moments.",
        [Reason("Locked, one reference, mapped nowhere, and a mapping that is none.", at)],
        Source("6.3 to 6.6", "mm/migrate.c", "__migrate_folio_record"),
        proved=False,
        manner="rejected_at_once",
        unknown=("Whether it is: a page of which memory was overwritten looks like this as well.",),
    )


def _no_kind(dump: Dump) -> Made:
    return verdict(
        dump,
        "unmovable-unread",
        "",
        "The check for unmovable pages refused the range, and of the page that it met the mapping cannot be read.",
        [Reason("The mapping.", dump.record.places("bad_mapping", "nameless_mapping"))],
        CHECK,
        proved=False,
        manner="rejected_at_once",
        unknown=("What kind of page it is.",),
    )


def _between_lists(dump: Dump) -> Made:
    unknown: Tuple[str, ...] = (
        "Whether it would move: nothing was tried. Try again; what is only between lists is back in moments.",
    )
    if dump.is_large and not dump.record.get("head_mapcount"):
        unknown += ("Whether it is a huge page of hugetlbfs, which this kernel may be unable to move.",)
    return verdict(
        dump,
        "unmovable-off-list",
        "not_on_lru",
        "%s made the check for unmovable pages refuse the range: it was on no LRU list." % capital(dump.noun),
        [
            Reason("The check for unmovable pages found it.", dump.at("reason:unmovable page")),
            Reason("`lru` is not among its flags.", dump.record.places("flags")),
        ],
        CHECK,
        proved=bool(dump.record.get("flags"))
        and not dump.record.get("flags_cut")
        and not dump.has("flag:lru")
        and len(unknown) == 1,
        manner="rejected_at_once",
        unknown=unknown,
    )


def _no_target(dump: Dump) -> Made:
    if not dump.has("ret:-12"):
        return None
    said = Reason(
        "-ENOMEM: there was nowhere to move it to. A negative number is an errno, not a count.", dump.at("ret:-12")
    )
    if dump.has("page_type:hugetlb") or dump.has("folio:gigantic"):
        order = dump.record.number("order") or 0
        size = "of order %d (%d KiB with pages of 4 KiB)" % (order, 4 << min(order, 30))
        reasons = [
            said,
            Reason("A hugetlb folio " + size + ".", dump.at("page_type:hugetlb") + dump.record.places("order")),
        ]
        return verdict(
            dump,
            "no-hugetlb-target",
            "no_target_memory",
            "No free huge page " + size + " to move this one to.",
            reasons,
            OFFLINE,
            Source("7.3", "mm/hugetlb.c", "alloc_hugetlb_folio_nodemask"),
        )
    return verdict(
        dump,
        "no-target",
        "no_target_memory",
        "No free memory to move %s to." % dump.noun,
        [said],
        OFFLINE,
        Source("6.12, 7.3", "mm/migrate.c", "migrate_pages_batch"),
        look_alike=True,
    )


def _poisoned(dump: Dump) -> Made:
    if not dump.has("flag:hwpoison"):
        return None
    if not dump.is_large:
        return verdict(
            dump,
            "hwpoison-small",
            "",
            "%s has failed in hardware; the kernel has put it aside, and keeps a reference to it." % capital(dump.noun),
            [Reason("hwpoison among the flags.", dump.at("flag:hwpoison"))],
            Source("6.1, 7.3", "mm/memory-failure.c", "memory_failure"),
            proved=False,
        )
    return verdict(
        dump,
        "hwpoison",
        "split_failure",
        "%s holds a page with a hardware error." % capital(dump.noun),
        [Reason("hwpoison among the flags.", dump.at("flag:hwpoison"))],
        Source("6.12, 7.3", "mm/memory_hotplug.c", "do_migrate_range"),
    )


def _drivers(dump: Dump) -> Made:
    """Pages of zsmalloc and balloons move by their owner's hand: no reference of theirs is one too many."""
    if not is_drivers(dump.record) or dump.record.text("reason") not in FAILED:
        return None
    kind = dump.record.text("page_type") or dump.record.text("aops").replace("_aops", "") or "a driver"
    return verdict(
        dump,
        "driver-did-not-move",
        "waits_on_other",
        "A page of %s was not moved by its owner." % kind,
        [Reason("It is no LRU page.", dump.record.places("page_type", "aops", "type"))],
        Source("6.12, 7.3", "mm/migrate.c", "migrate_movable_ops_page"),
        proved=False,
        unknown=("Why its owner did not move it: such pages have no references that migration would count.",),
    )


def _never(dump: Dump) -> Made:
    aops = dump.record.text("aops")
    if aops not in NEVER:
        return None
    return verdict(
        dump,
        "refuses-always",
        "refused_by_op",
        "The owner of this mapping, %s, never lets a folio move." % aops,
        [Reason("The mapping.", dump.record.places("aops"))],
        Source("6.12, 7.3", *NEVER[aops]),
    )


RULES: Tuple[Callable[[Dump], Made], ...] = (
    _foreign,
    _unmovable,
    _no_target,
    _poisoned,
    *isolation.RULES,
    _drivers,
    _never,
)
