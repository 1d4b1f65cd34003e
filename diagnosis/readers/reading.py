"""A text to its records. A new kind of line is a `Reader` here, in READERS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Protocol, Tuple, Union

from diagnosis.readers import cma, complaints, inspect, kernel_files, offlining, page_dump, stack, tracing
from diagnosis.text import log_lines
from diagnosis.text.decode import decode
from diagnosis.text.lines import Line
from diagnosis.text.record import Record

MAX_RECORDS = 5_000


class Reader(Protocol):
    """`take` says whether the line is used up: readers that come after do not see it."""

    def take(self, line: Line) -> bool: ...

    def finish(self) -> List[Record]: ...


READERS = (
    *(inspect.Reader, page_dump.Reader, stack.Reader, offlining.Reader, cma.Reader, tracing.Reader),
    *(complaints.Reader, kernel_files.Reader),
)


@dataclass(frozen=True)
class Reading:
    """`text` is what the places of the records point into: decoded, line ends made equal."""

    text: str
    records: Tuple[Record, ...]
    nr_lines: int
    is_cut: bool


def read(given: Union[str, bytes]) -> Reading:
    """Every record of the text, in the order of their first lines; at most MAX_RECORDS. Time linear in its length."""
    text = decode(given)
    readers: List[Reader] = [make() for make in READERS]
    taken = log_lines.read(text)
    for line in taken:
        for reader in readers:
            if reader.take(line):
                break
    records = [record for reader in readers for record in reader.finish()]
    records.sort(key=lambda record: record.lines)
    is_cut = len(records) > MAX_RECORDS or len(taken) >= log_lines.MAX_RELEVANT
    return Reading(text, tuple(records[:MAX_RECORDS]), text.count("\n") + 1, is_cut)
