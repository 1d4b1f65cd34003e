"""A reference count taken apart: who is known to hold a folio, and how many references nobody accounts for.

The kernel does this sum itself before it moves a folio, and gives up with -EAGAIN where it does not come out:
mm/migrate.c folio_expected_refs() (6.1, 6.12), include/linux/mm.h folio_expected_ref_count() (7.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from diagnosis.record import Place, Record

# include/linux/mm.h GUP_PIN_COUNTING_BIAS: what one FOLL_PIN adds to the count of a small folio (5.6 and later).
PIN_BIAS = 1024


@dataclass(frozen=True)
class Share:
    """`count` references, explained. `places`: the values of the dump that say so."""

    name: str
    count: int
    why: str
    places: Tuple[Place, ...]


@dataclass(frozen=True)
class References:
    """`left`: references that nothing explains, None where that cannot be known (`unknown` says why).

    `pins`: FOLL_PIN references among them (mm/gup.c try_grab_folio, 7.3), None where not knowable.
    """

    total: int
    shares: Tuple[Share, ...]
    left: Optional[int]
    pins: Optional[int]
    unknown: str = ""


def taken_apart(dump: Record) -> Optional[References]:
    """The sum for a page dump; None where it has no reference count."""
    total = dump.number("refcount")
    if total is None:
        return None
    flags = {value.text for value in dump.values if value.name == "flag"}
    order = dump.number("order") or 0
    shares, unknown = _shares(dump, flags, order)
    if unknown:
        return References(total, tuple(shares), None, None, unknown)
    left = total - sum(share.count for share in shares)
    if order and dump.number("pincount") is not None:
        pins = dump.number("pincount") or 0
        return References(total, tuple(shares), left - pins, pins)
    if order:
        return References(total, tuple(shares), left, None)
    return References(total, tuple(shares), left % PIN_BIAS if left > 0 else left, max(left, 0) // PIN_BIAS)


def _shares(dump: Record, flags: "set[str]", order: int) -> Tuple[List[Share], str]:
    made: List[Share] = []
    reason = dump.text("reason")
    is_anon = dump.get("type") is not None
    if reason in ("migration failure", "isolation failed", "failed to remove from LRU"):
        why = (
            "the mover's own: it took one when it isolated the folio"
            if reason == "migration failure"
            else ("the mover's own: it takes one before it isolates")
        )
        made.append(Share("mover", 1, why, dump.places("reason")))
    if "head" in flags and not order:
        return made, "the folio is large, but the line that tells its order is missing"
    name = "head_mapcount" if order and dump.get("head_mapcount") else "mapcount"
    mapcount = dump.number(name)
    if mapcount is None:
        return made, "the dump does not say how often the folio is mapped"
    if order and name == "mapcount":
        return made, "kernels before 6.3 print no mapcount of the whole large folio, only that of one page"
    if mapcount > 0:
        made.append(Share("mappings", mapcount, "one for each page table entry that maps it", dump.places(name)))
    made += _cache_shares(dump, flags, 1 << min(order, 30), is_anon)
    if not is_anon and flags & {"private", "private_2"}:
        made.append(Share("private data", 1, "the file system's data that hangs off the folio", _flag_places(dump)))
    return made, ""


def _cache_shares(dump: Record, flags: "set[str]", nr_pages: int, is_anon: bool) -> List[Share]:
    in_swap_cache = {"swapbacked", "owner_priv_1"} <= flags or {"swapbacked", "swapcache"} <= flags
    if is_anon:
        if not in_swap_cache:
            return []
        places = _flag_places(dump, "owner_priv_1", "swapcache")
        return [Share("swap cache", nr_pages, "one for each page of the folio, by the swap cache", places)]
    if dump.text("page_type") == "hugetlb" or not _has_mapping(dump):
        return []
    name = "swap cache" if dump.text("aops") == "swap_aops" else "page cache"
    return [Share(name, nr_pages, "one for each page of the folio, by the %s" % name, dump.places("aops", "mapping"))]


def _has_mapping(dump: Record) -> bool:
    mapping = dump.text("mapping").strip("0x")
    return bool(dump.get("aops")) or bool(mapping and mapping != "(null)")


def _flag_places(dump: Record, *names: str) -> Tuple[Place, ...]:
    wanted = names or ("private", "private_2")
    return tuple(value.place for value in dump.values if value.name == "flag" and value.text in wanted)
