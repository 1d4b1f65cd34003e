"""Files of /proc and /sys as people paste them: vmstat (once or before and after), pagetypeinfo, memory blocks, FUSE.

A counter that stands twice in a text was read twice; the first is before, the last is after.
"""

from __future__ import annotations

import re
from typing import Dict, List

from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

_COUNTER = re.compile(r"(?:/proc/vmstat:)?([a-z][a-z_0-9]{3,40}) (\d{1,20})\s*$")
_COUNTERS = re.compile(
    r"pgmigrate_(?:success|fail)|thp_migration_\w+|thp_split_page(?:_failed)?|compact_(?:stall|fail|success|isolated|migrate_scanned)|"
    r"nr_isolated_(?:anon|file)|nr_writeback(?:_temp)?|nr_dirty|nr_foll_pin_(?:acquired|released)|cma_alloc_(?:success|fail)|"
    r"htlb_buddy_alloc_(?:success|fail)|balloon_\w+|nr_balloon_pages|unevictable_pgs_\w+"
)
_HEADER = re.compile(r"Number of blocks type +([A-Za-z]{2,12}(?: +[A-Za-z]{2,12}){1,9})\s*$")
_NODE = re.compile(r"Node (\d{1,5}), zone +(\w{1,10}) ((?: +\d{1,12}){2,10})\s*$")
_BLOCK = re.compile(
    r"(?:\S{0,60}/)?(memory\d{1,10})/(state|valid_zones|removable|phys_device|phys_index): ?([\w \-]{1,60}?)\s*$"
)
# `cat …/state` alone prints this, and nothing else does.
_STATE = re.compile(r"going-offline\s*$")
_WAITING = re.compile(r"(?:\S{0,60}/)?connections/(\d{1,10})/waiting: ?(\d{1,10})\s*$")
MAX_BLOCKS = 4_000


class Reader:
    def __init__(self) -> None:
        self._counters: Dict[str, List[Value]] = {}
        self._blocks: Dict[str, List[Value]] = {}
        self._records: List[Record] = []
        self._columns: List[str] = []

    def take(self, line: Line) -> bool:
        text = line.text
        if found := _COUNTER.match(text):
            if not _COUNTERS.fullmatch(found[1]):
                return False
            first_and_last = self._counters.setdefault(found[1], [])
            first_and_last[1:] = []
            first_and_last.append(line.value(found[1], found, 2, 10))
        elif found := _HEADER.search(text):
            self._columns = found[1].split()
        elif self._columns and (found := _NODE.match(text)):
            numbers = list(re.finditer(r"\d+", text[found.start(3) :]))
            values = [line.value("node", found, 1, 10), line.value("zone", found, 2)]
            for name, number in zip(self._columns, numbers):
                at = found.start(3) + number.start()
                values.append(Value(name, number[0], line.place(at, at + len(number[0])), int(number[0])))
            self._records.append(Record("pagetypes", tuple(values)))
        elif found := _WAITING.match(text):
            values = [line.value("connection", found, 1, 10), line.value("waiting", found, 2, 10)]
            self._records.append(Record("fuse_connection", tuple(values)))
        elif (found := _BLOCK.match(text)) and len(self._blocks) < MAX_BLOCKS:
            values = self._blocks.setdefault(found[1], [line.value("name", found, 1)])
            value = line.value("zones" if found[2] == "valid_zones" else found[2], found, 3)
            values.append(value)
        elif found := _STATE.match(text):
            self._records.append(Record("memory_block", (line.value("state", found),)))
        else:
            return False
        return True

    def finish(self) -> List[Record]:
        made = [Record("memory_block", tuple(values)) for values in self._blocks.values()]
        for name, readings in self._counters.items():
            first = Value(
                "before" if len(readings) == 2 else "now", readings[0].text, readings[0].place, readings[0].number
            )
            values = [Value("name", name, readings[0].place), first]
            if len(readings) == 2:
                values.append(Value("after", readings[1].text, readings[1].place, readings[1].number))
            made.append(Record("counter", tuple(values)))
        return self._records + made
