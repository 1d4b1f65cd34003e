"""A reference count taken apart: who is known to hold a folio, and how many references nobody accounts for.

The kernel does this sum itself before it moves a folio, and gives up with -EAGAIN where it does not come out:
mm/migrate.c folio_expected_refs() (6.1, 6.12), include/linux/mm.h folio_expected_ref_count() (7.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from diagnosis.kernels.releases import is_at_least, is_before, read
from diagnosis.text.record import Place, Record

# include/linux/mm.h GUP_PIN_COUNTING_BIAS: what one FOLL_PIN adds to the count of a small folio (5.7 and later).
PIN_BIAS = 1024
PINS_SINCE = (5, 7)
MOVERS_REASONS = ("migration failure", "isolation failed", "failed to remove from LRU")
# Pages of drivers that can be moved, and are on no LRU list: their owner counts them as it likes (4.8 to 7.3).
DRIVERS_AOPS = frozenset({"balloon_aops", "zsmalloc_aops", "z3fold_aops", "secretmem_balloon_aops"})
DRIVERS_TYPES = frozenset({"zsmalloc", "offline"})
# Only folios on the LRU, or just taken off it, carry these.
LRU_FLAGS = frozenset(
    {"lru", "uptodate", "dirty", "referenced", "active", "swapbacked", "workingset", "unevictable", "mlocked"}
)


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
    `may_be_pins`: nothing tells whether this kernel counts pins among them, or how many of them are.
    """

    total: int
    shares: Tuple[Share, ...]
    left: Optional[int]
    pins: Optional[int]
    unknown: str = ""
    may_be_pins: bool = False


def taken_apart(dump: Record, release: str = "") -> Optional[References]:
    """The sum for a page dump; None where it has no reference count. `release`: of the kernel, '' if not known."""
    total = dump.number("refcount")
    if total is None:
        return None
    flags = {value.text for value in dump.values if value.name == "flag"}
    order = dump.number("order") or 0
    shares, unknown = _shares(dump, flags, order)
    if unknown:
        return References(total, tuple(shares), None, dump.number("pincount") if order else None, unknown)
    left = total - sum(share.count for share in shares)
    if order and dump.number("pincount") is not None:
        pins = dump.number("pincount") or 0
        return References(total, tuple(shares), left - pins, pins)
    has_pins = _has_pins(dump, release)
    if order or (left >= PIN_BIAS and not has_pins):
        return References(total, tuple(shares), left, None, may_be_pins=left > 0 and has_pins is not False)
    return References(total, tuple(shares), left % PIN_BIAS if left > 0 else left, max(left, 0) // PIN_BIAS)


def is_drivers(dump: Record) -> bool:
    """Is it a page of a balloon, zsmalloc or z3fold, which its owner moves, and not the page cache?"""
    return (
        dump.text("aops") in DRIVERS_AOPS or dump.text("page_type") in DRIVERS_TYPES or dump.text("type") == "movable"
    )


def is_known_kind(dump: Record) -> bool:
    """Does the dump show that this is a folio of the LRU lists? Neither a type nor a mapping nor a flag may say so."""
    flags = {value.text for value in dump.values if value.name == "flag"}
    return dump.text("type") in ("anon", "ksm", "file") or bool(dump.get("aops") or flags & LRU_FLAGS)


def is_hugetlb(dump: Record) -> bool:
    return dump.text("page_type") == "hugetlb" or dump.text("aops") == "hugetlbfs_aops"


def _has_pins(dump: Record, release: str) -> Optional[bool]:
    """Did this kernel count pins? Its version tells, or that it prints page frames, which came later (5.9), or a count
    of the name that it had up to 5.1. None where that is not known: vendors brought pins back (el8, in 4.18)."""
    if dump.get("pfn") is not None or dump.get("pincount") is not None or is_at_least(release, PINS_SINCE):
        return True
    if is_before(release, PINS_SINCE) or (dump.get("count") is not None and not read(release).vendor):
        return False
    return None


def _shares(dump: Record, flags: "set[str]", order: int) -> Tuple[List[Share], str]:
    made: List[Share] = []
    reason = dump.text("reason")
    is_anon = dump.text("type") in ("anon", "ksm")
    if reason in MOVERS_REASONS or (not reason and dump.get("failed_pfn")):
        why = (
            "the mover's own: it took one when it isolated the folio"
            if reason in ("", "migration failure")
            else ("the mover's own: it takes one before it isolates")
        )
        made.append(Share("mover", 1, why, dump.places("reason") or dump.places("failed_pfn")))
    elif not reason:
        return made, "the line that tells why it was dumped is missing, and whether a mover holds it"
    if not dump.get("index"):
        return made, "its first line is cut"
    if not dump.get("flags"):
        return made, "the line with its flags is missing"
    if dump.get("flags_cut"):
        return made, "the line with its flags is cut"
    if dump.get("bad_mapping"):
        return made, "its mapping cannot be read, so it may be no page-cache folio at all"
    if is_drivers(dump):
        return made, "it is a page of a driver, which counts its references in its own way"
    if "head" in flags and not order:
        return made, "the folio is large, and nothing here tells how large"
    if _may_be_either(dump):
        return made, "this kernel does not print whether the folio is anonymous or of a file"
    name = _mapcount_name(dump, order)
    mapcount = dump.number(name) if name else None
    if mapcount is None:
        return made, (
            "this kernel prints no mapcount of the whole large folio, only that of one page"
            if order and dump.get("mapcount")
            else "the dump does not say how often the folio is mapped"
        )
    if mapcount > 0:
        made.append(Share("mappings", mapcount, "one for each page table entry that maps it", dump.places(name)))
    if is_hugetlb(dump):
        total = (dump.number("refcount") or 0) - sum(share.count for share in made)
        made += _hugetlb_share(dump, 1 << min(order, 30), total)
    else:
        made += _cache_shares(dump, flags, 1 << min(order, 30), is_anon)
    if not is_anon and flags & {"private", "private_2"}:
        made.append(Share("private data", 1, "the file system's data that hangs off the folio", _flag_places(dump)))
    return made, ""


def _may_be_either(dump: Record) -> bool:
    """4.15 to 4.20 hash the pointer whose low bits tell anonymous from file, and print no word for it yet."""
    return dump.get("count") is not None and not dump.get("type") and _has_mapping(dump) and not dump.get("aops")


def _mapcount_name(dump: Record, order: int) -> str:
    """Which value counts every mapping of the folio: of a large one not `mapcount`, which is of one page."""
    if not order:
        return "mapcount"
    if dump.get("head_mapcount"):
        return "head_mapcount"
    # Up to 6.9 the head's line has two parts of it, and their sum is known where no page is mapped for itself.
    return "entire_mapcount" if dump.number("nr_pages_mapped") == 0 and dump.get("entire_mapcount") else ""


def _hugetlb_share(dump: Record, nr_pages: int, left: int) -> List[Share]:
    """The page cache of hugetlbfs holds one reference, or (6.7 and later) one a page: the count itself tells which."""
    if dump.text("type") in ("anon", "ksm") or not _has_mapping(dump):
        return []
    count = nr_pages if left >= nr_pages else 1
    return [Share("page cache", count, "by the page cache of hugetlbfs", dump.places("aops", "mapping"))]


def _cache_shares(dump: Record, flags: "set[str]", nr_pages: int, is_anon: bool) -> List[Share]:
    in_swap_cache = {"swapbacked", "owner_priv_1"} <= flags or {"swapbacked", "swapcache"} <= flags
    if is_anon:
        if not in_swap_cache:
            return []
        places = _flag_places(dump, "owner_priv_1", "swapcache")
        return [Share("swap cache", nr_pages, "one for each page of the folio, by the swap cache", places)]
    if not _has_mapping(dump):
        return []
    name = "swap cache" if dump.text("aops") == "swap_aops" else "page cache"
    return [Share(name, nr_pages, "one for each page of the folio, by the %s" % name, _mapping_places(dump))]


def _has_mapping(dump: Record) -> bool:
    mapping = dump.text("mapping").strip("0x")
    return bool(dump.get("aops")) or bool(mapping and mapping != "(null)")


def _mapping_places(dump: Record) -> Tuple[Place, ...]:
    """What shows that it is in a cache: the pointer, or where that is hidden the operations that it leads to."""
    is_shown = dump.text("mapping").strip("0x") not in ("", "(null)")
    return dump.places("mapping") if is_shown else dump.places("aops")


def _flag_places(dump: Record, *names: str) -> Tuple[Place, ...]:
    wanted = names or ("private", "private_2")
    return tuple(value.place for value in dump.values if value.name == "flag" and value.text in wanted)
