"""What compaction and khugepaged scanned, and what came of it, from the kernel's own tracepoints.

A mover that comes back has either skipped the target or never met it. `mm_compaction_isolate_migratepages` names the
frames that were scanned (include/trace/events/compaction.h; `range=(0x… ~ 0x…)` in 6.1 to 7.3), so it tells the two
apart. Those of khugepaged name the folio or address at which it gave a range up, and why (huge_memory.h beside it).
Only for guests: an instance of tracefs of our own, for one task.
"""

from __future__ import annotations

import os
import re
from typing import Collection, Dict, Iterable, List, Sequence, Tuple

from probes.errors import CannotRun

_TRACING = "/sys/kernel/tracing"
_INSTANCE = _TRACING + "/instances/unmigratable"
_SCANNED = re.compile(r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
_MIGRATED = re.compile(r"mm_migrate_pages(?:_start)?: .{0,300}?mode=(\w{1,40}) reason=(\w{1,40})")
_BY_FRAME = re.compile(
    r"mm_(khugepaged_scan\w{1,20}|collapse_huge\w{1,20}): .{0,200}?scan_pfn=0x([0-9a-f]+), (.{0,400})"
)
_BY_ADDRESS = re.compile(r"mm_(khugepaged_collapse_file): .{0,200}?addr=([0-9a-f]+), (.{0,400})")
_STATUS = re.compile(r"\b(?:status|result)=(\w{1,40})")
COMPACTION = (
    "compaction/mm_compaction_isolate_migratepages",
    "migrate/mm_migrate_pages_start",
    "migrate/mm_migrate_pages",
)
COLLAPSE = (
    "huge_memory/mm_khugepaged_scan_pmd",
    "huge_memory/mm_khugepaged_scan_file",
    "huge_memory/mm_collapse_huge_page_isolate",
    "huge_memory/mm_khugepaged_collapse_file",  # not in 6.1
)


class Trace:
    """Opened while privileged: read later through the same descriptor, whoever the run's process is by then."""

    def __init__(self, pid: int, events: Sequence[str] = COMPACTION) -> None:
        group = events[0].split("/")[0]
        if not os.path.isdir("%s/events/%s" % (_TRACING, group)):
            raise CannotRun("this kernel has no tracepoints of %s at %s" % (group, _TRACING))
        os.makedirs(_INSTANCE, exist_ok=True)
        _write("set_event_pid", str(pid))
        for event in events:
            if os.path.isdir("%s/events/%s" % (_INSTANCE, event)):
                _write("events/%s/enable" % event, "1")
        os.close(os.open(_INSTANCE + "/trace", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC))  # what earlier runs left
        self._fd = os.open(_INSTANCE + "/trace", os.O_RDONLY | os.O_CLOEXEC)
        self._seen = 0

    def skip(self) -> None:
        """What was traced so far is of no interest."""
        self._seen = len(self._lines())

    def new(self) -> str:
        """What was traced since `skip`."""
        return "\n".join(self._lines()[self._seen :])

    def _lines(self) -> List[str]:
        os.lseek(self._fd, 0, os.SEEK_SET)
        parts = []
        while True:
            part = os.read(self._fd, 1 << 16)
            if not part:
                break
            parts.append(part)
        text = b"".join(parts).decode("ascii", "replace")
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def close(self) -> None:
        os.close(self._fd)


def _write(name: str, text: str) -> None:
    with open("%s/%s" % (_INSTANCE, name), "w", encoding="ascii") as file:
        file.write(text)


def scanned(text: str) -> List[Tuple[int, int]]:
    """The ranges of frames that were scanned for something to migrate, each with its end excluded."""
    return [(int(first, 16), int(end, 16)) for first, end in _SCANNED.findall(text)]


def nr_scanned(text: str, frames: Iterable[int]) -> int:
    """How many of these frames lie in a range that was scanned."""
    ranges = scanned(text)
    return sum(1 for frame in frames if any(first <= frame < end for first, end in ranges))


def modes(text: str) -> Dict[str, int]:
    """How often pages were migrated in which mode and for which reason, in the kernel's own words."""
    found: Dict[str, int] = {}
    for mode, reason in _MIGRATED.findall(text):
        name = "%s %s" % (mode, reason)
        found[name] = found.get(name, 0) + 1
    return found


def statuses(text: str, frames: Collection[int], addresses: range) -> Dict[str, int]:
    """How often khugepaged said what of these frames, or of the range at these addresses: event and status.

    Where it names a frame, it is the one at which it gave the range up, or the last one of a range that it collapsed.
    """
    told = [(event, rest) for event, frame, rest in _BY_FRAME.findall(text) if int(frame, 16) in frames]
    told += [(event, rest) for event, address, rest in _BY_ADDRESS.findall(text) if int(address, 16) in addresses]
    found: Dict[str, int] = {}
    for event, rest in told:
        for word in _STATUS.findall(rest)[-1:]:
            name = "%s %s" % (event, word)
            found[name] = found.get(name, 0) + 1
    return found
