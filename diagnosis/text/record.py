"""What a text says, one thing at a time, each value with the place at which it stands.

Place     line and column (both from 1) and length, in the text as it was given
Value     a named piece of that text
Frame     one function of a call trace, innermost first
Record    a page dump, a blocked task, a failed allocation …: its values and frames

The small ones are tuples: a dense log makes a hundred thousand, and frozen dataclasses take 1.4 to 2.3 times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Dict, Iterable, NamedTuple, Optional, Tuple


class Place(NamedTuple):
    line: int
    column: int
    length: int


class Value(NamedTuple):
    """`number` is None where the text is no number; `0x…` and the base of the format have been minded."""

    name: str
    text: str
    place: Place
    number: Optional[int] = None


class Frame(NamedTuple):
    """`unsure`: marked `?` by the unwinder, found on the stack but perhaps not part of the call chain."""

    function: str
    place: Place
    unsure: bool = False


@dataclass(frozen=True)
class Record:
    """`kind` is a slug of KINDS. `task` groups what one task or CPU said, '' where the log does not tell."""

    kind: str
    values: Tuple[Value, ...]
    frames: Tuple[Frame, ...] = ()
    owner: Tuple[Frame, ...] = ()

    @cached_property
    def _firsts(self) -> Dict[str, Value]:
        return {value.name: value for value in reversed(self.values)}

    def get(self, name: str) -> Optional[Value]:
        """The first value of that name."""
        return self._firsts.get(name)

    def text(self, name: str) -> str:
        value = self.get(name)
        return value.text if value else ""

    def number(self, name: str) -> Optional[int]:
        value = self.get(name)
        return value.number if value else None

    def places(self, *names: str) -> Tuple[Place, ...]:
        """Where these values stand; those that are absent are left out."""
        return tuple(value.place for value in self.values if value.name in names)

    @property
    def lines(self) -> Tuple[int, int]:
        """The first and the last line of the text that belong to it."""
        numbers = [p.line for p in _all_places(self)]
        return (min(numbers), max(numbers)) if numbers else (0, 0)


# Kind of record: what it is, for people.
KINDS = {
    "page_dump": "page dump",
    "migration_failed": "failed migration while offlining",
    "isolation_failed": "failed isolation while offlining",
    "offlining": "memory offlining",
    "write_error": "refused write",
    "write_elsewhere": "refused write to something else than a memory block",
    "not_dissolved": "huge page that could not be dissolved",
    "soft_offline": "soft offline",
    "cma_failed": "failed CMA allocation",
    "cma_busy": "busy range of a CMA area",
    "cma_free": "free ranges of a CMA area",
    "cma_area": "CMA area",
    "contig_busy": "busy range of a contiguous allocation",
    "virtio_mem": "virtio-mem at work",
    "no_migrate_folio": "warning about a missing migrate_folio",
    "task": "task and its stack",
    "trace": "trace event",
    "counter": "counter",
    "pagetypes": "page blocks by migratetype",
    "memory_block": "memory block",
    "suspects": "suspect page frames of a block",
    "fuse_connection": "FUSE connection",
    "mapped_suspect": "suspect page frame and the file that it belongs to",
    "server_gone": "complaint about a server",
    "memory_failure": "memory failure",
    "kernel": "kernel version",
    "pins": "number of pins",
    "mount": "mount of a network file system",
    "tasks": "tasks in D",
    "missing": "something that could not be read",
}


def _all_places(record: Record) -> Iterable[Place]:
    for value in record.values:
        yield value.place
    for frame in record.frames + record.owner:
        yield frame.place
