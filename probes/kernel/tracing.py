"""What compaction scanned and in which mode it migrated, from the kernel's own tracepoints.

A mover that comes back has either skipped the target or never met it. `mm_compaction_isolate_migratepages` names the
frames that were scanned (include/trace/events/compaction.h; `range=(0x… ~ 0x…)` in 6.1 to 7.3), so it tells the two
apart. Only for guests: an instance of tracefs of our own, for one task.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, List, Tuple

from probes.errors import CannotRun

_TRACING = "/sys/kernel/tracing"
_INSTANCE = _TRACING + "/instances/unmigratable"
_SCANNED = re.compile(r"mm_compaction_isolate_migratepages: range=\(0x([0-9a-f]+) ~ 0x([0-9a-f]+)\)")
_MIGRATED = re.compile(r"mm_migrate_pages(?:_start)?: .{0,300}?mode=(\w{1,40}) reason=(\w{1,40})")
_TAKEN = re.compile(r"mm_vmscan_lru_isolate: .{0,200}? nr_taken=(\d+) lru=(?:in)?active_(anon|file)")
_SHRUNK = re.compile(
    r"mm_vmscan_lru_shrink_inactive: nid=\d+ nr_scanned=\d+ nr_reclaimed=(\d+) nr_dirty=\d+ nr_writeback=(\d+) "
    r".{0,300}?flags=RECLAIM_WB_(ANON|FILE)"
)
_RESULT = re.compile(r"mm_migrate_pages: nr_succeeded=(\d+) nr_failed=(\d+) .{0,200}? reason=(\w{1,40})")
_EVENTS = (
    "compaction/mm_compaction_isolate_migratepages",
    "migrate/mm_migrate_pages_start",
    "migrate/mm_migrate_pages",
)


class CompactionTrace:
    """Opened while privileged: read later through the same descriptor, whoever the run's process is by then."""

    events: Tuple[str, ...] = _EVENTS

    def __init__(self, pid: int) -> None:
        if not os.path.isdir("%s/events/%s" % (_TRACING, self.events[0])):
            raise CannotRun("this kernel has no tracepoint %s at %s" % (self.events[0], _TRACING))
        os.makedirs(_INSTANCE, exist_ok=True)
        _write("set_event_pid", str(pid))
        for event in self.events:
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


class ReclaimTrace(CompactionTrace):
    """What reclaim takes off the LRU and what it demotes. mm_vmscan_lru_isolate names numbers, no frames."""

    events = ("vmscan/mm_vmscan_lru_isolate", "vmscan/mm_vmscan_lru_shrink_inactive", *_EVENTS[1:])


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


def nr_kept(text: str) -> Dict[str, int]:
    """How many pages reclaim took off its lists and had to put back, by `anon` and `file`. What it demoted counts as
    reclaimed there (mm/vmscan.c, shrink_folio_list)."""
    found = {"anon": 0, "file": 0}
    for number, kind in _TAKEN.findall(text):
        found[kind] += int(number)
    for number, _, kind in _SHRUNK.findall(text):
        found[kind.lower()] -= int(number)
    return found


def nr_in_writeback(text: str) -> int:
    """How many pages reclaim passed by since they are being written."""
    return sum(int(number) for _, number, _ in _SHRUNK.findall(text))


def nr_migrated(text: str, reason: str) -> Tuple[int, int]:
    """How many pages were migrated for this reason, and how many could not be."""
    results = [(int(succeeded), int(failed)) for succeeded, failed, why in _RESULT.findall(text) if why == reason]
    return sum(succeeded for succeeded, _ in results), sum(failed for _, failed in results)
