"""What one value of a log means, in a sentence, for whoever points at it. '' where there is nothing to add.

Flags: include/linux/page-flags.h and include/trace/events/mmflags.h (6.1, 6.12, 7.3).
Lines of a dump: mm/debug.c __dump_folio() (6.12, 7.3), __dump_page() (6.1).
"""

from __future__ import annotations

from typing import Callable, Dict, Mapping

from diagnosis.text.record import Record, Value

FLAGS: Mapping[str, str] = {
    "locked": "The folio is locked: who wants to move it waits for the lock, or passes it by.",
    "writeback": "Under writeback: it is being written out, and must not be moved until that ends.",
    "referenced": "Looked at since reclaim last passed.",
    "uptodate": "Its content has been read in.",
    "dirty": "Its content has not been written out yet.",
    "lru": "On a list of reclaim, from which a mover takes it.",
    "active": "On an active list of reclaim.",
    "workingset": "Was in use when it was last evicted.",
    "error": "An I/O error happened on it (before 6.12).",
    "slab": "Belongs to a slab allocator. Such memory never moves.",
    "reserved": "Not the page allocator's to give or to move.",
    "private": "Carries file-system data beside the page, for which one reference is held.",
    "private_2": "A second mark of the file system's, such as fscache's.",
    "head": "The first page of a folio of several pages.",
    "reclaim": "To be reclaimed when its writeback ends; on a read, marks where readahead goes on.",
    "swapbacked": "Backed by swap: anonymous or shared memory.",
    "unevictable": "Reclaim leaves it: locked into memory, or of an unevictable mapping. It can be moved all the same.",
    "mlocked": "Locked into memory by mlock. It can be moved all the same.",
    "hwpoison": "Its memory has failed.",
    "isolated": "Taken off its list by somebody who wants to move it.",
    "owner_priv_1": "For its owner's use: in the swap cache, or checked (before 6.12).",
    "owner_2": "For its owner's use: anon_exclusive on anonymous memory, mappedtodisk on a file's (6.12 and later).",
    "mappedtodisk": "Its blocks on the disk are known (before 6.12).",
    "dropbehind": "To be dropped from the page cache when its writeback ends (7.3).",
}

VALUES: Mapping[str, str] = {
    "mapcount": "How many page tables map it.",
    "head_mapcount": "How many page tables map any page of the folio.",
    "entire_mapcount": "How many map the whole folio at once.",
    "nr_pages_mapped": "How many of its pages are mapped one by one.",
    "pfn": "The page frame: its physical address divided by the page size.",
    "failed_pfn": "The page frame that offlining could not move.",
    "aops": "The address_space_operations of its mapping: they name the file system.",
    "ino": "The inode of the file that it belongs to.",
    "dentry": "A name of that file. It may be of another name of the same inode, or out of date.",
    "memcg": "The memory control group that it is charged to, as a hashed or plain pointer.",
    "node": "The NUMA node that it lies on.",
    "lastcpupid": "The CPU and task that NUMA balancing saw last.",
    "raw": "struct page, word by word.",
    "head_raw": "The struct page of the folio's head, word by word.",
    "nr_suppressed": "So many lines were left out by the rate limit: their absence is no success.",
    "migratetype": "Of which migratetype the allocator took it.",
    "gfp_mask": "The flags it was allocated with.",
    "gfp": "The flags it was allocated with; without __GFP_MOVABLE nobody promised that it moves.",
    "comm": "The name of the task that allocated it. Whoever holds it now may be another.",
}


def explained(record: Record, value: Value) -> str:
    """What `value` of `record` says."""
    tell = _TELL.get(value.name)
    return tell(record, value) if tell else VALUES.get(value.name, "")


def _flag(record: Record, value: Value) -> str:
    return FLAGS.get(value.text, "")


def _refcount(record: Record, value: Value) -> str:
    return "How many hold a reference to the folio. It moves only if all of them are accounted for."


def _ret(record: Record, value: Value) -> str:
    if value.number is None:
        return ""
    if value.number > 0:
        return "So many folios were left behind. Positive, so it is no errno (mm/migrate.c migrate_pages)."
    return {
        -12: "-ENOMEM: there was no memory to move it to.",
        -16: "-EBUSY: tried, and busy. A full area prints this too on 7.3.",
        -4: "-EINTR: a signal ended it.",
        -11: "-EAGAIN: tried, and not moved.",
    }.get(value.number, "An errno, negative.")


def _order(record: Record, value: Value) -> str:
    return "" if value.number is None or value.number > 40 else "A folio of %d pages." % (1 << value.number)


def _pincount(record: Record, value: Value) -> str:
    return "Nobody has pinned it with FOLL_PIN." if value.number == 0 else "So many FOLL_PIN references."


def _zone(record: Record, value: Value) -> str:
    return "The index of its zone: on x86-64 mostly 0 DMA, 1 DMA32, 2 Normal, 3 Movable. The configuration decides."


def _mapping(record: Record, value: Value) -> str:
    if value.number == 0:
        return "The address_space that it belongs to. Zero: it belongs to no file now, or the pointer was hidden."
    return "The address_space that it belongs to. Hashed, so it says nothing across boots."


def _index(record: Record, value: Value) -> str:
    is_anon = record.text("type") in ("anon", "ksm")
    return "Its virtual address in its process, in pages." if is_anon else "Where in its file it lies, in pages."


def _type(record: Record, value: Value) -> str:
    return {"anon": "Anonymous memory.", "ksm": "Anonymous memory merged by KSM; it can be moved."}.get(value.text, "")


def _reason(record: Record, value: Value) -> str:
    return {
        "migration failure": "Moving it was tried, and failed. Hotunplug and contiguous allocations print the same.",
        "isolation failed": "It could not be taken off its list, so moving it was not even tried.",
        "unmovable page": "Found in a range that may hold only movable memory, and refused at once.",
    }.get(value.text, "")


_TELL: Dict[str, Callable[[Record, Value], str]] = {
    "flag": _flag,
    "refcount": _refcount,
    "ret": _ret,
    "order": _order,
    "pincount": _pincount,
    "zone": _zone,
    "mapping": _mapping,
    "index": _index,
    "type": _type,
    "reason": _reason,
}
