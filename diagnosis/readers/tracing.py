"""Trace events of migration, compaction, CMA and page isolation, as the trace file, trace-cmd and perf print them.

include/trace/events/{migrate,compaction,cma,page_isolation}.h, 5.10 to 7.3. The event of a migration names no folio and
no error: it says that some were left, not why.
"""

from __future__ import annotations

import re
from typing import List

from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

_EVENT = re.compile(
    r"(?<![\w/])(?:migrate:|compaction:|cma:|page_isolation:)?"
    r"(mm_migrate_pages|mm_compaction_\w{3,40}|cma_alloc(?:_start|_finish|_busy_retry)?|test_pages_isolated): +(?=\S)"
)
_PAIR = re.compile(r"([a-z_]{2,20})= ?(-?0x[0-9a-f]{1,16}|-?\d{1,20}|[A-Za-z_][\w|.,\-]{0,200})")
_HEXADECIMAL = ("pfn", "start_pfn", "end_pfn", "fin_pfn", "migrate_pfn", "free_pfn")
_RANGE = re.compile(r"range=\((0x[0-9a-f]{1,16}) ~ (0x[0-9a-f]{1,16})\)")


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []

    def take(self, line: Line) -> bool:
        found = _EVENT.search(line.text)
        if not found:
            return False
        values = [line.value("event", found, 1)]
        if span := _RANGE.search(line.text, found.end()):
            values += [line.value("start_pfn", span, 1, 16), line.value("end_pfn", span, 2, 16)]
        for pair in _PAIR.finditer(line.text, found.end()):
            if len(values) < 24:
                values.append(_value(line.value(pair[1], pair, 2)))
        self._records.append(Record("trace", tuple(values)))
        return True

    def finish(self) -> List[Record]:
        return self._records


def _value(value: Value) -> Value:
    """With its number: page frames are hexadecimal with `0x` (5.10 and later) and without (cma, up to 6.12)."""
    try:
        if value.text.startswith(("0x", "-0x")):
            number = int(value.text, 16)
        else:
            number = int(value.text, 16 if value.name in _HEXADECIMAL else 10)
    except ValueError:
        return value
    return Value(value.name, value.text, value.place, number)
