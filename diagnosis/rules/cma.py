"""From what a contiguous allocation says to a verdict. A full area is a look-alike: nothing there had to be moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from diagnosis.kernels.releases import is_at_least, read
from diagnosis.rules.surroundings import Context
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Place, Record

ALLOC = Source("6.1, 6.12", "mm/cma.c", "cma_alloc")
RANGE = Source("7.3", "mm/cma.c", "cma_range_alloc")
# cma_range_alloc() came with areas of several ranges: from then on an area that is merely full says -EBUSY as well.
RANGES_SINCE = (6, 15)
AREA = Source("6.1 to 7.3", "mm/cma_debug.c", "cma_maxchunk_get")
CONTIG = Source("5.10 to 7.3", "mm/page_alloc.c", "alloc_contig_range")
BUSY = "retries_without_progress"
WHO = ("What held the pages: the allocator does not say. Its page dumps need dynamic debug (6.x and later).",)


def failed(record: Record, context: Context) -> Optional[Verdict]:
    """`ret` -12: no target, or (up to 6.14) no free range; -16: tried and busy, or (from 6.15) perhaps full."""
    ret, places = record.number("ret"), record.places("ret", "nr_pages", "returned")
    is_new = _has_ranges(record, context.release)
    if ret == -4:
        return _verdict(
            "cma-interrupted", "", False, "A fatal signal ended the CMA allocation.", "-EINTR.", places, ALLOC
        )
    if context.has("said:cma-less-free") and ret != -4:
        text = "The CMA area has less free than was asked for: it is full, and nothing in it had to be moved."
        why = "Its free pages are counted after the failure."
        return _verdict("cma-full", "no_target_memory", True, text, why, places, ALLOC, look_alike=True)
    if ret == -12 and is_new:
        text = "The CMA allocation found no memory to move other pages to."
        return _verdict("cma-no-target", "no_target_memory", True, text, "-ENOMEM.", places, RANGE, look_alike=True)
    if ret == -12:
        text = "The CMA area has no free range of that size, or no memory to move pages to; no page refused to move."
        why = "-ENOMEM, not -EBUSY: no range was found busy."
        return _verdict("cma-full", "no_target_memory", True, text, why, places, ALLOC, look_alike=True)
    if context.has("said:cma-busy", "said:trace:cma_alloc_busy_retry") or (ret == -16 and not is_new):
        text = "The CMA allocation tried ranges, and pages in them could not be moved."
        verdict = _verdict("cma-pages-busy", "", False, text, "It came back with nothing.", places, CONTIG, WHO)
        return replace(verdict, reasons=verdict.reasons + _room(context))
    if context.has("said:cma-too-small"):
        text = "The CMA area has no free range of that size; nothing in it had to be moved."
        why = "Its free ranges are listed, and the longest is shorter than what was asked for."
        return _verdict("cma-full", "no_target_memory", True, text, why, places, RANGE, look_alike=True)
    text = "The CMA allocation failed: its area is full, or pages in it could not be moved. This kernel says neither."
    unknown = ("Which of the two: cma_alloc_busy_retry fires only for the second.",)
    why = "The number is the same for both from 6.15 on."
    return _verdict("cma-full-or-busy", "", False, text, why, places, RANGE, unknown)


def _room(context: Context) -> Tuple[Reason, ...]:
    """That a range long enough is free says nothing of its alignment, but that the area is not full."""
    return tuple(
        Reason(sentence, context.marks["said:cma-room"]) for sentence in context.sayings.get("said:cma-room", ())
    )


def _has_ranges(record: Record, release: str) -> bool:
    """Is it a kernel of 6.15 or newer, or (`__cma_alloc` alone, which 6.12 has too) perhaps one?"""
    function = record.text("function")
    if function.endswith("_frozen") or is_at_least(release, RANGES_SINCE):
        return True
    return function == "__cma_alloc" and record.number("ret") == -16 and not read(release).is_known


def busy(record: Record, context: Context) -> Optional[Verdict]:
    """A range that was busy. alloc_contig_range() itself does not say for whom: CMA, virtio-mem, a gigantic page."""
    places = record.places("busy", "start_pfn", "end_pfn", "pfn", "event")
    text = "A contiguous allocation tried a range, and a page in it could not be moved or isolated."
    verdict = _verdict("range-busy", "", False, text, "The range was busy.", places, CONTIG, WHO)
    if record.kind != "contig_busy" or context.has("said:cma-busy", "said:cma-failed"):
        return verdict
    whose = "Whose allocation it was: a CMA area's, virtio-mem's or that of a gigantic huge page."
    if context.has("said:virtio-mem"):
        text = "virtio-mem tried to take a range out of use, and a page in it could not be moved or isolated."
        whose = "In which zone: virtio-mem takes ranges of any, of ZONE_MOVABLE first. It is no CMA area."
    unknown = (*WHO, whose)
    return replace(verdict, sentence=text, mover="", area="", unknown=unknown)


def free(record: Record, context: Context) -> Optional[Verdict]:
    """The list of free ranges that CONFIG_CMA_DEBUG adds after a failure."""
    largest, total = record.number("largest_free"), record.number("nr_free")
    if largest is None or total is None or context.has("said:cma-room"):
        return None
    text = "The CMA area has %d free pages, the longest range among them %d pages." % (total, largest)
    return Verdict(
        "cma-free-ranges",
        "no_target_memory",
        False,
        text,
        (Reason("The free ranges.", record.places("largest_free", "nr_free")),),
        (Source("5.10 to 7.3", "mm/cma.c", "cma_debug_show_areas"),),
        "rejected_at_once",
        "cma",
        "migrate_cma",
        ("Whether that was too little: compare with the size that was asked for.",),
        True,
    )


def area(record: Record, context: Context) -> Optional[Verdict]:
    """Figures of an area, from sysfs or debugfs: of the moment when they were read, not of the failure."""
    name, largest = record.text("area"), record.number("maxchunk")
    nr_failed = record.number("alloc_pages_fail")
    if largest is not None:
        text = "The longest free range of the CMA area %s had %d pages when this was read." % (name, largest)
        unknown = ("Whether that is too little: compare with the size that was asked for, rounded up.",)
        return _verdict(
            "cma-area-room", "", False, text, "maxchunk.", record.places("maxchunk", "used", "count"), AREA, unknown
        )
    if nr_failed:
        text = "Allocations of %d pages in all have failed in the CMA area %s since boot." % (nr_failed, name)
        unknown = ("When, and why: the count says neither.",)
        places = record.places("alloc_pages_fail")
        return _verdict("cma-area-failed", "", False, text, "alloc_pages_fail.", places, AREA, unknown)
    return None


def _verdict(
    rule: str,
    mechanism: str,
    proved: bool,
    text: str,
    why: str,
    places: Tuple[Place, ...],
    source: Source,
    unknown: Tuple[str, ...] = (),
    look_alike: bool = False,
) -> Verdict:
    manner = "rejected_at_once" if look_alike else BUSY
    return Verdict(
        rule,
        mechanism,
        proved,
        text,
        (Reason(why, places),),
        (source,),
        manner,
        "cma",
        "migrate_cma",
        unknown,
        look_alike,
    )
