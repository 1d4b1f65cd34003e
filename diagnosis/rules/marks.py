"""What signatures are held against: short words that a record earns, each with the places that earned it.

    folio:anon aops:shmem_aops flag:dirty page_type:offline order:9 ret:positive pins:yes left:1
    frame:folio_wait_writeback      in the record's own call trace
    owner:bio_iov_iter_get_pages    in the trace of its allocation (page_owner)
    mover:offline mechanism:writeback manner:sleeps_in_d area:zone_movable    from the verdict
    task:fuse_direct_io             in any call trace of the same text
    asleep:fuse_direct_io           in that of a task which slept, as far as the text tells
    said:…                          elsewhere in the text (a server that does not respond, a FUSE request that waits)

A mark is lower case but for the kernel's own words. Adding a mark is adding a line here.
"""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Optional, Tuple

from diagnosis.rules.page_dump.references import References
from diagnosis.text.record import Place, Record

Marks = Mapping[str, Tuple[Place, ...]]
MAX_GIGANTIC_BELOW = 10  # include/linux/mmzone.h MAX_PAGE_ORDER with 4 KiB pages (6.12, 7.3): no buddy block is larger


def of(record: Record, references: Optional[References]) -> Dict[str, Tuple[Place, ...]]:
    """The marks of one record, without those of the text around it."""
    made: Dict[str, Tuple[Place, ...]] = {}

    def mark(name: str, places: Iterable[Place]) -> None:
        made[name] = (made.get(name, ()) + tuple(places))[:8]

    for value in record.values:
        if value.name in ("flag", "aops", "page_type", "reason", "state", "said", "error"):
            mark("%s:%s" % (value.name, value.text), [value.place])
    for frame in record.frames:
        mark("frame:" + frame.function, [frame.place])
    for frame in record.owner:
        mark("owner:" + frame.function, [frame.place])
    ret = record.number("ret")
    if ret is not None:
        mark("ret:positive" if ret > 0 else "ret:%d" % ret, record.places("ret"))
    if record.kind == "page_dump":
        _folio(record, mark)
    if references is not None and references.left is not None:
        places = record.places("refcount")
        mark(
            "left:%s"
            % (references.left if 0 <= references.left <= 1 else "many" if references.left > 1 else "negative"),
            places,
        )
        if references.pins:
            mark("pins:yes", record.places("pincount") if record.number("pincount") else places)
    if record.kind == "suspects" and record.number("offline"):
        mark("page_type:offline", record.places("offline"))
    if record.get("cma"):
        mark("area:migrate_cma", record.places("cma"))
    return made


def _folio(record: Record, mark: "object") -> None:
    assert callable(mark)
    kind = record.get("type")
    if kind and kind.text != "movable":
        mark("folio:" + kind.text, [kind.place])
    elif record.get("aops"):
        mark("folio:file", record.places("aops"))
    order = record.number("order") or 0
    mark("folio:large" if order else "folio:small", record.places("order"))
    if order:
        mark("order:%d" % order, record.places("order"))
    if order > MAX_GIGANTIC_BELOW:
        mark("folio:gigantic", record.places("order"))
    mapcount = record.number("head_mapcount") if record.get("head_mapcount") else record.number("mapcount")
    if mapcount is not None:
        mark("folio:mapped" if mapcount > 0 else "folio:unmapped", record.places("mapcount", "head_mapcount"))
