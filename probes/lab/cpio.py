"""An initramfs: the `newc` cpio that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst).

Not compressed: QEMU loads it as it is, and an emulated processor takes longer to unpack than to copy.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List

_FILE, _FOLDER, _LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK


@dataclass(frozen=True)
class Entry:
    """`name` without a leading slash. `data` is a file's content, or where a link points."""

    name: str
    mode: int
    data: bytes = b""
    modified: int = 0


def file(name: str, data: bytes, executable: bool = False) -> Entry:
    return Entry(name.lstrip("/"), _FILE | (0o755 if executable else 0o644), data)


def folder(name: str) -> Entry:
    return Entry(name.lstrip("/"), _FOLDER | 0o755)


def link(name: str, target: str) -> Entry:
    return Entry(name.lstrip("/"), _LINK | 0o777, target.encode())


def copy(path: Path, name: str) -> Entry:
    """A file of this machine, with its time: Python takes a .pyc only with the time of its source."""
    seen = path.stat()
    mode = _FILE | (0o755 if seen.st_mode & 0o100 else 0o644)
    return Entry(name.lstrip("/"), mode, path.read_bytes(), int(seen.st_mtime))


def with_folders(entries: Iterable[Entry]) -> List[Entry]:
    """Each name once, the last one counts, and every folder before what is in it."""
    named: Dict[str, Entry] = {}
    for entry in entries:
        named.pop(entry.name, None)
        named[entry.name] = entry
    made: Dict[str, Entry] = {}
    for entry in named.values():
        parts = entry.name.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            made.setdefault(above, named.get(above) or folder(above))
        made.setdefault(entry.name, entry)
    return list(made.values())


def archive(entries: Iterable[Entry]) -> bytes:
    parts = [_record(number, entry) for number, entry in enumerate(with_folders(entries), 1)]
    parts.append(_record(0, Entry("TRAILER!!!", 0)))
    made = b"".join(parts)
    return made + b"\0" * (-len(made) % 512)


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, entry.modified, len(entry.data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def tree(top: Path, name: str, leave_out: Iterable[str] = ()) -> List[Entry]:
    """A folder of this machine and what is below, without folders of these names. Links become what they point to."""
    unwanted = set(leave_out)
    found: List[Entry] = []
    for place, folders, files in os.walk(top):
        folders[:] = sorted(each for each in folders if each not in unwanted and not each.startswith("config-"))
        for each in sorted(files):
            path = Path(place) / each
            if path.is_file():
                found.append(copy(path, "%s/%s" % (name, path.relative_to(top))))
    return found
