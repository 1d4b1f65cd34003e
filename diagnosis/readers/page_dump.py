"""What dump_page() prints (mm/debug.c, 4.x to 7.3), and page_owner below it (mm/page_owner.c).

Each line is a printk of its own, so other lines stand between them, and two dumps may run into one another. What a line
means does not depend on the kernel's version: every known form is tried, and what a form lacks is absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Match, Optional, Pattern, Tuple

from diagnosis.readers.stack import frame
from diagnosis.text.lines import Line
from diagnosis.text.record import Frame, Record, Value

_PAIR = re.compile(r"(?<![\w(])([a-z_]+): ?(-?(?:0x)?[0-9a-f]{1,20}\b|\(null\))")
_POISONED = re.compile(r"page:\S{0,40} is uninitialized and poisoned")
_HEAD = re.compile(r"head:.*?(?=order:)")
_RAW = re.compile(r"raw: ([0-9a-f]{8,16}(?: [0-9a-f]{8,16}){0,8})$")
_HEAD_RAW = re.compile(r"head: [0-9a-f]{8,16}(?: [0-9a-f]{8,16}){0,8}$")
_TYPE = re.compile(r"(anon|ksm)$")
_FLAGS = re.compile(r"(?:(anon|ksm) )?flags: (0x[0-9a-f]{1,16})\(([^()]*)\)?( CMA)?")
_FLAG = re.compile(r"([a-z_0-9]+)(?:=(0x[0-9a-f]{1,16}|0|[1-9]\d{0,18})\b)?")
_PAGE_TYPE = re.compile(r"page_type: (?:0x)?([0-9a-f]{1,8})\(([^()]*)\)")
_MEMCG = re.compile(r"(?:memcg|page->mem_cgroup):([0-9a-f]{1,16})")
_AOPS = re.compile(
    r"(?:mapping->a_)?a?ops:([\w.]+|\(null\))(?:\+0x\S+)?(?: \[[\w \-]{1,64}\])?(?: ino:([0-9a-f]{1,16}))?"
    r"(?: dentry name(?:\(\?\))?:\"(.{0,300}?)\"?$)?"
)
# What stands there where the pointer leads to no mapping (fs/inode.c dump_mapping, 6.12; mm/debug.c, 5.10).
_NO_MAPPING = re.compile(
    r"invalid mapping:|failed to read (?:mapping contents|a_ops from mapping)|aops:0x[0-9a-f]{1,4}\b|aops:\(null\)"
)
# 5.0 to 5.4 name the operations alone, and the file behind them or in a line of its own.
_OLD_AOPS = re.compile(r"(\w{1,60}(?:aops|_addr_ops|_operations))(?: \[[\w \-]{1,64}\])?(?: name:\"(.{0,300}?)\"?)?$")
_REASON = re.compile(
    r"page dumped because: (migration failure|isolation failed|unmovable page|failed to remove from LRU|\S.{0,200}$)"
)
_MIGRATING = re.compile(r"migrating pfn ([0-9a-f]{1,16}) failed(?: ret:(-?\d{1,10}))?")
_ISOLATING = re.compile(r"failed to isolate pfn ([0-9a-f]{1,16})")
_OWNER = re.compile(
    r"page (?:last )?allocated via order (\d+), migratetype (\w+), gfp_mask (0x[0-9a-f]+)\(([\w|]*)\)"
    r"(?:, p?id (\d+), tgid (\d+) \((.{0,32}?)\))?(?:, ts (\d+))?"
)
_OWNER_STATE = re.compile(r"page_owner tracks the page as (\w+)")
_FREED = re.compile(r"page last free |page_owner free stack")
_MIGRATED = re.compile(r"page has been migrated, last migrate reason: (\w+)")
_NAMES = {"count": "refcount", "compound_pincount": "pincount"}
# No kernel ends a line with these: the line was cut there, and perhaps the number.
_NEVER_LAST = ("refcount", "count", "mapcount", "order", "entire_mapcount", "nr_pages_mapped")
# Before 5.2 the count had this name; before 4.15 pointers were printed as they are, in the kernel's half of addresses.
OLD_COUNT = "count"
_PLAIN_POINTER = re.compile(r"(?:ffff|c0)[0-9a-f]{12,14}")
_REASONS = ("migration failure", "isolation failed", "unmovable page", "failed to remove from LRU")
# include/linux/page-flags.h PAGE_MAPPING_ANON, PAGE_MAPPING_MOVABLE: the low bits of page->mapping (4.14).
_LOW_BITS = {1: "anon", 2: "movable", 3: "ksm"}
_OWNER_VALUES = (
    *(
        ("order", 10),
        ("migratetype", 0),
        ("gfp_mask", 16),
        ("gfp", 0),
        ("pid", 10),
        ("tgid", 10),
        ("comm", 0),
        ("ts", 10),
    ),
)
_HEXADECIMAL = ("index", "pfn", "mapping")
MAX_OPEN = 8
MAX_OWNER_FRAMES = 40


@dataclass
class _Dump:
    values: List[Value] = field(default_factory=list)
    owner: List[Frame] = field(default_factory=list)
    is_closed: bool = False
    takes_owner: bool = False
    is_past_owner: bool = False

    def has(self, *names: str) -> bool:
        return any(value.name in names for value in self.values)

    def count(self, name: str) -> int:
        return [value.name for value in self.values].count(name)


class Reader:
    """Takes lines in order; `finish` gives the records. Dumps of different tasks or CPUs are kept apart."""

    def __init__(self) -> None:
        self._records: List[Record] = []
        self._open: Dict[str, List[_Dump]] = {}
        self._pending: Dict[str, Tuple[str, List[Value]]] = {}

    def take(self, line: Line) -> bool:
        text = line.text
        found = (_MIGRATING.search(text) or _ISOLATING.search(text)) if " pfn " in text else None
        if found:
            self._failed(line, found)
            if "page:" in text[found.end() :]:
                self.take(line.after(text.index("page:", found.end())))
        elif text.startswith("page:") and (_POISONED.match(text) or "count:" in text):
            self._begin(line)
        elif self._open.get(line.source):
            return self._continue(line)
        else:
            return False
        return True

    def finish(self) -> List[Record]:
        for source in list(self._open):
            for dump in self._open[source]:
                self._keep(dump)
        for source in list(self._pending):
            self._alone(source)
        return self._records

    def _failed(self, line: Line, found: Match[str]) -> None:
        """An offlining speaks of one page after the other: a new one ends the dump of the last."""
        for dump in self._open.pop(line.source, []):
            self._keep(dump)
        self._alone(line.source)
        values = [line.value("failed_pfn", found, 1, 16)]
        if found.re is _MIGRATING and found[2] is not None:
            values.append(line.value("ret", found, 2, 10))
        self._pending[line.source] = ("migration_failed" if found.re is _MIGRATING else "isolation_failed", values)

    def _begin(self, line: Line) -> None:
        dump = _Dump()
        poisoned = _POISONED.match(line.text)
        if poisoned:
            dump.values.append(line.value("poisoned", poisoned))
        for found in _PAIR.finditer(line.text):
            name = _NAMES.get(found[1], found[1])
            if name in _NEVER_LAST and found.end() == len(line.text):
                continue
            if name != "page":
                dump.values.append(line.value(name, found, 2, 16 if name in _HEXADECIMAL else 10))
            if found[1] == OLD_COUNT:
                dump.values.append(line.value(OLD_COUNT, found, 1))
        _, values = self._pending.get(line.source, ("", []))
        pfn = next((value.number for value in dump.values if value.name == "pfn"), None)
        if values and pfn in (None, values[0].number):
            dump.values = values + dump.values
            del self._pending[line.source]
        waiting = [one for one in self._open.setdefault(line.source, []) if not one.is_closed]
        for one in self._open[line.source]:
            if one.is_closed or len(waiting) >= MAX_OPEN:
                self._keep(one)
        self._open[line.source] = [*waiting[-MAX_OPEN + 1 :], dump] if len(waiting) < MAX_OPEN else [dump]

    def _continue(self, line: Line) -> bool:
        """A line after the first goes to the oldest dump that still lacks it."""
        for read, names, most in _PARTS:
            values = read(line)
            if values:
                for dump in self._open[line.source]:
                    if sum(dump.count(name) for name in names) < most:
                        dump.values += values
                        if "reason" in names:
                            dump.is_closed = True
                        return True
                return True
        return self._owned(line)

    def _owned(self, line: Line) -> bool:
        """What page_owner adds stands after the reason: it goes to the dump that was closed last."""
        closed = [one for one in self._open[line.source] if one.is_closed]
        dump = (closed or self._open[line.source])[-1]
        found: Optional[Match[str]]
        if found := _OWNER.search(line.text):
            for group, (name, base) in enumerate(_OWNER_VALUES, 1):
                if found[group] is not None:
                    dump.values.append(line.value("owner_" + name, found, group, base))
            dump.takes_owner = True
        elif found := _OWNER_STATE.search(line.text):
            dump.values.append(line.value("owner_state", found, 1))
        elif found := _MIGRATED.search(line.text):
            dump.values.append(line.value("last_migrate_reason", found, 1))
        elif _FREED.search(line.text):
            dump.takes_owner, dump.is_past_owner = False, True
        else:
            return self._owner_frame(dump, line)
        return True

    def _owner_frame(self, dump: _Dump, line: Line) -> bool:
        one = frame(line, needs_offset=True) if dump.takes_owner or dump.is_past_owner else None
        if one and dump.takes_owner and len(dump.owner) < MAX_OWNER_FRAMES:
            dump.owner.append(one)
        return one is not None

    def _keep(self, dump: _Dump) -> None:
        if dump.has(OLD_COUNT) and not dump.has("type", "aops"):
            dump.values += [kind for value in dump.values for kind in _by_pointer(value)]
        dump.values += _by_raw(dump.values)
        if dump.has("refcount", "flags", "poisoned"):
            self._records.append(Record("page_dump", tuple(dump.values), (), tuple(dump.owner)))

    def _alone(self, source: str) -> None:
        kind, values = self._pending.pop(source, ("", []))
        if values:
            self._records.append(Record(kind, tuple(values)))


def _by_pointer(value: Value) -> List[Value]:
    """What the low bits of `page->mapping` say, where it is printed as it is."""
    if value.name != "mapping" or value.number is None or not _PLAIN_POINTER.fullmatch(value.text):
        return []
    kind = _LOW_BITS.get(value.number & 3, "file")
    return [Value("type", kind, value.place)]


def _head(line: Line) -> List[Value]:
    found = _HEAD.match(line.text)
    if not found:
        return []
    names = {"order": "order", "pincount": "pincount", "compound_pincount": "pincount", "mapcount": "head_mapcount"}
    made = []
    for pair in _PAIR.finditer(line.text, found.end()):
        if pair[1] in _NEVER_LAST and pair.end() == len(line.text):
            continue
        made.append(line.value(names.get(pair[1], pair[1]), pair, 2, 10))
    return made


def flags(line: Line, start: int, end: int) -> List[Value]:
    """What %pGp prints between the parentheses: names as `flag`, and `node=1`, `zone=3` as values of that name."""
    made = []
    for found in _FLAG.finditer(line.text, start, end):
        if found[2]:
            made.append(Value(found[1], found[2], line.place(*found.span()), int(found[2], 0)))
        else:
            made.append(line.value("flag", found, 1))
    return made


def _flags(line: Line) -> List[Value]:
    found = _FLAGS.search(line.text) if "flags:" in line.text else None
    if not found:
        return []
    listed = flags(line, found.start(3), found.end(3))
    is_cut = line.text[found.end(3) : found.end(3) + 1] != ")"
    made = [line.value("flags", found, 2, 16), *(listed[:-1] if is_cut else listed)]
    made += [line.value("flags_cut", found, 2)] if is_cut else []
    made += [line.value("type", found, 1)] if found[1] else []
    return made + ([line.value("cma", found, 4)] if found[4] else [])


def _aops(line: Line) -> List[Value]:
    """The operations by name. An address without a name is no operations that anybody knows, and leads to no file."""
    if bad := _NO_MAPPING.match(line.text):
        return [line.value("bad_mapping", bad)]
    found = _AOPS.match(line.text)
    if found and found[1].startswith("0x"):
        return [line.value("nameless_mapping", found, 1)]
    if found:
        names = (("aops", 0), ("ino", 16), ("dentry", 0))
        return [line.value(name, found, n, base) for n, (name, base) in enumerate(names, 1) if found[n] is not None]
    found = _OLD_AOPS.match(line.text)
    if not found:
        return []
    return [line.value("aops", found, 1)] + ([line.value("dentry", found, 2)] if found[2] is not None else [])


def _one(regex: Pattern[str], *names: Tuple[str, int, int]) -> Callable[[Line], List[Value]]:
    def read(line: Line) -> List[Value]:
        found = regex.match(line.text)
        return [line.value(name, found, group, base) for name, group, base in names] if found else []

    return read


def _reason(line: Line) -> List[Value]:
    found = _REASON.match(line.text)
    if not found:
        return []
    is_cut = any(known != found[1] and known.startswith(found[1]) for known in _REASONS)
    return [line.value("reason_cut" if is_cut else "reason", found, 1)]


def _by_raw(values: List[Value]) -> List[Value]:
    """Whether it is a driver's page, by the low bits of the pointer that `raw:` shows as it is (5.0 to 6.16).

    The second word of a tail page has its lowest bit set, and its fourth is no pointer.
    """
    raw = next((value for value in values if value.name == "raw"), None)
    words = raw.text.split() if raw else []
    if raw is None or len(words) < 4 or any(value.name in ("type", "aops", OLD_COUNT) for value in values):
        return []
    is_pointer = _PLAIN_POINTER.fullmatch(words[3]) is not None and not int(words[1], 16) & 1
    return [Value("type", "movable", raw.place)] if is_pointer and int(words[3], 16) & 3 == 2 else []


# What reads a line, the values that it brings, and how often one dump may have them.
_PARTS = (
    (_flags, ("flags",), 1),
    (_one(_RAW, ("raw", 1, 0)), ("raw",), 2),
    (_reason, ("reason", "reason_cut"), 1),
    (_head, ("order",), 1),
    (_aops, ("aops", "bad_mapping", "nameless_mapping"), 1),
    (_one(_TYPE, ("type", 1, 0)), ("type",), 1),
    (_one(_PAGE_TYPE, ("page_type", 2, 0)), ("page_type",), 1),
    (_one(_MEMCG, ("memcg", 1, 0)), ("memcg",), 1),
    (_one(_HEAD_RAW, ("head_raw", 0, 0)), ("head_raw",), 4),
)
