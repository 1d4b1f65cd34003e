"""Page dumps of memory that no mover could take on: not movable, not on a list, nowhere to go, or never at all."""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.dump import FAILED, NOT_ISOLATED, OFFLINE, Dump, Made, capital, verdict
from diagnosis.verdict import Reason, Source, Verdict

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
        Source("5.10 to 7.3", "mm/page_isolation.c", "has_unmovable_pages"),
        manner="rejected_at_once",
        look_alike=not dump.has("page_type:offline"),
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
    return verdict(
        dump,
        "hwpoison",
        "split_failure",
        "%s holds a page with a hardware error." % capital(dump.noun),
        [Reason("hwpoison among the flags.", dump.at("flag:hwpoison"))],
        Source("6.12, 7.3", "mm/memory_hotplug.c", "do_migrate_range"),
        proved=dump.has("folio:large"),
    )


def _not_isolated(dump: Dump) -> Made:
    if dump.record.text("reason") not in NOT_ISOLATED:
        return None
    reasons = [Reason("The mover could not even isolate it.", dump.record.places("reason"))]
    source = Source("4.x to 7.3", "mm/vmscan.c", "folio_isolate_lru")
    kind = dump.record.text("page_type")
    if kind:
        reasons.append(Reason("It is no LRU page: its type is %s." % kind, dump.record.places("page_type")))
        return verdict(
            dump,
            "type-not-isolated",
            "waits_on_other",
            "A page of type %s was not given to the mover by its owner." % kind,
            reasons,
            Source("6.12, 7.3", "mm/migrate.c", "isolate_movable_page"),
            proved=kind == "zsmalloc",
        )
    if dump.record.get("flags") and not dump.has("flag:lru"):
        reasons.append(Reason("`lru` is not among its flags: it is on no LRU list.", dump.record.places("flags")))
        return verdict(
            dump,
            "not-on-lru",
            "not_on_lru",
            "%s that is on no LRU list, so it cannot be isolated." % capital(dump.noun),
            reasons,
            source,
        )
    return verdict(
        dump,
        "isolation",
        "",
        "%s could not be isolated; the dump does not say why." % capital(dump.noun),
        reasons,
        source,
        proved=False,
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
    _not_isolated,
    _never,
)
