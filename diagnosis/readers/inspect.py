"""What `probe.pyz inspect` prints: lines of `inspect: KIND key=value key="with blanks"`, call traces between them.

    inspect: kernel release=7.3.4+deb13-amd64 machine=x86_64
    inspect: task pid=812 comm="sh" state=D wchan=folio_wait_bit_common block=memory32
    [<0>] folio_wait_bit_common+0x131/0x340
    inspect: block name=memory32 state=going-offline zones=Movable first_pfn=0x100000 nr_pages=32768
    inspect: suspects block=memory32 writeback=16 locked=0 …
    inspect: suspect pfn=0x100123 block=memory32 flags=WRITEBACK,UPTODATE pid=900 file="/mnt/f" fs=fuse device=0:46
    inspect: fuse connection=46 waiting=1 mount="/mnt" daemons=899 comm="sshfs" uid=1000
    inspect: pins now=16
    inspect: missing what="/proc/kpageflags" why="Permission denied"

Every fact stands in one line that says what it is, so that the text survives mail, quoting and cutting.
"""

from __future__ import annotations

import json
import re
from typing import Dict, List, Union

from diagnosis.text.lines import Line
from diagnosis.text.record import Record, Value

_LINE = re.compile(r"inspect: ([a-z_]{1,20})(?= |$)")
_PAIR = re.compile(r' ([a-z_]{1,24})=(?:"((?:[^"\\]|\\.){0,600})"|([^\s"]{0,400}))')
# What a line says, and the kind of record that it becomes. `task` is left to the reader of call traces.
KINDS = {
    "kernel": "kernel",
    "block": "memory_block",
    "suspects": "suspects",
    "suspect": "mapped_suspect",
    "fuse": "fuse_connection",
    "pins": "pins",
    "counter": "counter",
    "blocks": "memory_block",
    "mount": "mount",
    "tasks": "tasks",
    "missing": "missing",
}
_HEXADECIMAL = ("pfn", "first_pfn")


def line(kind: str, **values: Union[str, int]) -> str:
    """One line of the format. Text with blanks or quotes is quoted; an empty text is left out."""
    parts = ["inspect: " + kind]
    for name, value in values.items():
        text = str(value)
        if text:
            is_plain = re.fullmatch(r'[^\s"\\=]+', text) and text.isascii() and text.isprintable()
            parts.append("%s=%s" % (name, text if is_plain else json.dumps(text)))
    return " ".join(parts)


class Reader:
    def __init__(self) -> None:
        self._records: List[Record] = []

    def take(self, line: Line) -> bool:
        found = _LINE.match(line.text)
        if not found or found[1] not in KINDS:
            return False
        values = tuple(pairs(line, found.end()).values())
        if values:
            self._records.append(Record(KINDS[found[1]], values))
        return True

    def finish(self) -> List[Record]:
        return self._records


def pairs(line: Line, start: int) -> Dict[str, Value]:
    """The values of a line by name; the first of a name counts. Quoted text stays as it is written, quotes off."""
    made: Dict[str, Value] = {}
    for found in _PAIR.finditer(line.text, start):
        group = 2 if found[2] is not None else 3
        text = found[group]
        base = 16 if found[1] in _HEXADECIMAL else 10 if text.isdecimal() else 0
        made.setdefault(found[1], line.value(found[1], found, group, base))
    return made
