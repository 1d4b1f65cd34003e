"""Page dumps of what a mover could not even isolate: free by then, the kernel's own, its owner's, or on no list."""

from __future__ import annotations

from typing import Callable, Optional, Tuple

from diagnosis.rules.page_dump.dump import NOT_ISOLATED, Dump, Made, capital, verdict
from diagnosis.rules.page_dump.references import is_drivers, is_hugetlb, is_known_kind
from diagnosis.rules.verdict import Reason, Source

ISOLATION = Source("4.x to 7.3", "mm/vmscan.c", "folio_isolate_lru")


def _refused(dump: Dump) -> Optional[Reason]:
    if dump.record.text("reason") not in NOT_ISOLATED:
        return None
    return Reason("The mover could not even isolate it.", dump.record.places("reason"))


def _free(dump: Dump) -> Made:
    refused = _refused(dump)
    if not refused or not (dump.record.number("refcount") == 0 or dump.record.text("page_type") == "buddy"):
        return None
    return verdict(
        dump,
        "free-meanwhile",
        "",
        "The page was free when the kernel printed this: nothing holds it any more.",
        [refused, Reason("It is free.", dump.record.places("refcount", "page_type"))],
        ISOLATION,
        proved=False,
    )


def _kernels_own(dump: Dump) -> Made:
    refused = _refused(dump)
    marks = ("flag:slab", "flag:reserved", "page_type:slab", "page_type:table")
    if not refused or not any(dump.has(mark) for mark in marks):
        return None
    return verdict(
        dump,
        "kernel-not-isolated",
        "not_movable_type",
        "The range holds memory of the kernel's own, which was never movable.",
        [refused, Reason("It belongs to the kernel.", dump.at(*marks))],
        ISOLATION,
        look_alike=True,
    )


def _of_a_type(dump: Dump) -> Made:
    refused, kind = _refused(dump), dump.record.text("page_type")
    if not refused or not kind:
        return None
    return verdict(
        dump,
        "type-not-isolated",
        "waits_on_other",
        "A page of type %s was not given to the mover by its owner." % kind,
        [refused, Reason("It is no LRU page: its type is %s." % kind, dump.record.places("page_type"))],
        Source("6.12, 7.3", "mm/migrate.c", "isolate_movable_page"),
        proved=kind == "zsmalloc",
    )


def _of_a_driver(dump: Dump) -> Made:
    """Pages of z3fold, zsmalloc of old kernels and balloons are on no LRU list at any time: their owner gives them."""
    refused = _refused(dump)
    if not refused or not is_drivers(dump.record):
        return None
    name = dump.record.text("aops").replace("_aops", "") or "a driver"
    return verdict(
        dump,
        "driver-not-isolated",
        "waits_on_other",
        "A page of %s was not given to the mover by its owner." % name,
        [refused, Reason("It is a driver's page, and no LRU page.", dump.record.places("aops", "type", "page_type"))],
        Source("5.4, 6.1", "mm/migrate.c", "isolate_movable_page"),
        proved=False,
        unknown=("Why its owner did not give it: that it was in use at that moment, or never gives such pages.",),
    )


def _on_no_list(dump: Dump) -> Made:
    refused = _refused(dump)
    if not refused or not dump.record.get("flags") or dump.record.get("flags_cut") or dump.has("flag:lru"):
        return None
    unknown = _other_than_lru(dump)
    return verdict(
        dump,
        "not-on-lru",
        "not_on_lru",
        "%s that is on no LRU list, so it cannot be isolated." % capital(dump.noun),
        [refused, Reason("`lru` is not among its flags: it is on no LRU list.", dump.record.places("flags"))],
        ISOLATION,
        proved=not unknown,
        unknown=unknown,
    )


def _else(dump: Dump) -> Made:
    refused = _refused(dump)
    if not refused:
        return None
    return verdict(
        dump,
        "isolation",
        "",
        "%s could not be isolated; the dump does not say why." % capital(dump.noun),
        [refused],
        ISOLATION,
        proved=False,
    )


def _other_than_lru(dump: Dump) -> Tuple[str, ...]:
    """What else than a folio on its way between lists this may be, where the kernel prints no type of page."""
    if is_hugetlb(dump.record) or (dump.is_large and not dump.record.get("head_mapcount")):
        return ("Whether it is a huge page of hugetlbfs: those are on no LRU list, and are isolated in another way.",)
    if dump.record.get("bad_mapping") or dump.record.get("nameless_mapping"):
        return ("What kind of page it is: its mapping has no name.",)
    if not is_known_kind(dump.record):
        return ("What kind of page it is: neither a type nor a mapping nor a flag of the LRU lists says so.",)
    return ()


RULES: Tuple[Callable[[Dump], Made], ...] = (_free, _kernels_own, _of_a_type, _of_a_driver, _on_no_list, _else)
