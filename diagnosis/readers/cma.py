"""What contiguous allocations say: mm/cma.c, mm/page_alloc.c (4.9 to 7.3), and the figures of the areas.

`ret: -12` and `ret: -16` mean different things in different kernels; the name of the function that stands in the line
tells which: `cma_alloc` up to 6.1, `__cma_alloc` from 6.12, `__cma_alloc_frozen` in 7.x; the meaning changed in 6.15.
"""

from __future__ import annotations

import re
from typing import List, Match, Optional

from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

_FAILED = re.compile(r"cma: (\w{1,40}): (?:(.{1,64}?): )?alloc failed, req-size: (\d{1,12}) pages, ret: ?(-?\d{1,6})")
_NULL = re.compile(r"cma: (\w{1,40})\(\): returned ((?:0x)?0{8,16}|\(null\))\s*$")
_BUSY = re.compile(
    r"cma: (\w{1,40})\(\): memory range at (?:pfn (0x[0-9a-f]{1,16})|\S{1,20}).{0,40}? is busy, retrying"
)
_FREE = re.compile(
    r"number of available pages: ?([^a-z]{0,4000}?)=> ?(\d{1,12}) "
    r"(?:free of (\d{1,12}) total pages|pages, total: (\d{1,12}))"
)
# From 6.15 on the list goes over several lines: a head, one for each range, and the sum.
_FREE_BEGINS = re.compile(r"number of available pages: ?$")
_FREE_RANGE = re.compile(r"range \d{1,4}: ?(\d{1,12}@\d{1,12}(?:\+\d{1,12}@\d{1,12}){0,400})?\s*$")
_A_RANGE = re.compile(r"range \d{1,4}:")
# printk() breaks what is longer (kernel/printk/printk.c LOG_LINE_MAX), and the rest of a list is not known then.
MAX_WHOLE = 900
_FREE_ENDS = re.compile(r"=> ?(\d{1,12}) free of (\d{1,12}) total pages")
MAX_APART = 12
_PIECE = re.compile(r"(\d{1,12})(?:@\d{1,12})?")
_CONTIG = re.compile(r"alloc_contig_range: \[([0-9a-f]{1,16}), ([0-9a-f]{1,16})\) PFNs busy")
_AREA = re.compile(
    r"(?:\S{0,80}/)?cma/([^/\s]{1,64})/"
    r"(alloc_pages_success|alloc_pages_fail|release_pages_success|total_pages|available_pages|count|used|"
    r"maxchunk):(\d{1,18})\s*$"
)
# The same from within the folder, as the case's page asks for it: linux,cma/maxchunk:1021
_AREA_HERE = re.compile(r"(?:\./)?([^/\s]{1,64})/(count|used|maxchunk):(\d{1,18})\s*$")


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []
        self._areas: "dict[str, List[Value]]" = {}
        self._ranges: Optional[List[Value]] = None
        self._ranges_at = 0

    def take(self, line: Line) -> bool:
        text = line.text
        if found := _AREA.match(text) or _AREA_HERE.match(text):
            self._figure(line, found)
            return True
        if (self._ranges is not None or "available pages" in text) and self._take_ranges(line):
            return True
        if "cma" not in text and "PFNs busy" not in text and "available pages" not in text:
            return False
        record = self._read(line)
        if record is not None:
            self._records.append(record)
        return record is not None

    def _take_ranges(self, line: Line) -> bool:
        """The free ranges that stand one a line; each is far from its head only where other lines stand between."""
        if self._ranges is not None and line.number - self._ranges_at > MAX_APART:
            self._ranges = None
        if _FREE_BEGINS.search(line.text):
            self._ranges, self._ranges_at = [], line.number
            return True
        if self._ranges is None:
            return False
        if _A_RANGE.search(line.text):
            found = _FREE_RANGE.search(line.text)
            self._ranges_at = line.number
            if found is None or len(line.text) > MAX_WHOLE:
                self._ranges = None
                return True
            if found[1]:
                whole = line.value("largest_free", found, 1)
                most = max(int(piece[1]) for piece in _PIECE.finditer(found[1]))
                self._ranges.append(Value(whole.name, whole.text, whole.place, most))
            return True
        if found := _FREE_ENDS.search(line.text):
            values = [line.value("nr_free", found, 1, 10), line.value("nr_total", found, 2, 10)]
            values += sorted(self._ranges, key=lambda value: -(value.number or 0))[:1]
            self._records.append(Record("cma_free", tuple(values)))
            self._ranges = None
            return True
        return False

    def finish(self) -> List[Record]:
        areas = [Record("cma_area", tuple(values)) for values in self._areas.values()]
        return self._records + areas

    def _figure(self, line: Line, found: Match[str]) -> None:
        values = self._areas.setdefault(found[1], [line.value("area", found, 1)])
        if len(values) < 20:
            value = line.value("value", found, 3, 10)
            values.append(Value(found[2], value.text, value.place, value.number))

    def _read(self, line: Line) -> Optional[Record]:
        text = line.text
        if found := _FAILED.search(text):
            values = [line.value("function", found, 1)] + ([line.value("area", found, 2)] if found[2] else [])
            values += [line.value("nr_pages", found, 3, 10), line.value("ret", found, 4, 10)]
            return Record("cma_failed", tuple(values))
        if found := _NULL.search(text):
            return Record("cma_failed", (line.value("function", found, 1), line.value("returned", found, 2)))
        if found := _BUSY.search(text):
            values = [line.value("busy", found)] + ([line.value("pfn", found, 2, 16)] if found[2] else [])
            return Record("cma_busy", tuple(values))
        if found := _CONTIG.search(text):
            return Record("contig_busy", (line.value("start_pfn", found, 1, 16), line.value("end_pfn", found, 2, 16)))
        if found := _FREE.search(text):
            return _free(line, found)
        return None


def _free(line: Line, found: Match[str]) -> Record:
    pieces = [int(piece[1]) for piece in _PIECE.finditer(found[1])]
    values = [line.value("nr_free", found, 2, 10)]
    total = 3 if found[3] else 4
    values.append(line.value("nr_total", found, total, 10))
    if pieces:
        whole = line.value("pieces", found, 1)
        values.append(Value("largest_free", whole.text, whole.place, max(pieces)))
    return Record("cma_free", tuple(values))
