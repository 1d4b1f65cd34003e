"""Watching a machine for memory that will not move, without touching any of it.

Reads counters of /proc/vmstat and of CMA areas, new lines of the kernel log, and the stacks of tasks in D, every
so many seconds, and says what has happened since. Nothing is held, nothing is migrated.
"""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Set, Tuple

from probes.kernel.kmsg import message

# A rise of one of these says that something would not move, or could not be made room for (mm/vmstat.c, 6.1 to 7.3).
COUNTERS = (
    "pgmigrate_fail",
    "thp_migration_fail",
    "thp_split_page_failed",
    "compact_fail",
    "cma_alloc_fail",
)
_CMA = Path("/sys/kernel/mm/cma")
# As the kernel writes them: do_migrate_range, alloc_contig_range, cma_alloc, soft offline, hung task.
_TELLING = re.compile(
    r"migrating pfn [0-9a-f]+ failed|failed to isolate pfn|page dumped because: (?:migration failure|isolation failed"
    r"|unmovable page)|memory offlining .{0,200} failed|cma: .{0,200}alloc failed|alloc_contig_range: .{0,200}busy"
    r"|[Ss]oft offline: .{0,200}(?:failed|busy)|blocked for more than \d+ seconds"
)
_ANNOUNCES = re.compile(r"migrating pfn [0-9a-f]+ failed|failed to isolate pfn")
_OF_A_DUMP = re.compile(r"\b(?:page|head|memcg|aops|flags|raw|page_type|mapping|index|anon|ksm|pfn)\b")
_MOST_FRAMES = 24
_MIGRATING = re.compile(r"\b(?:migrate_pages|migrate_folios?|do_migrate_range|__alloc_contig_migrate_range)")


@dataclass(frozen=True)
class Event:
    """`kind`: counter, log or blocked. `what`: the counter, the line, or the task with the top of its stack.

    `pid` and `stack` (function+offset, innermost first) are of a blocked task.
    """

    at: float
    kind: str
    what: str
    rise: int = 1
    pid: int = 0
    stack: Tuple[str, ...] = ()


class Monitor:
    """Remembers what was last seen; `look` says what is new. Paths are given for tests to give others."""

    def __init__(self, proc: Path = Path("/proc"), cma: Path = _CMA, kmsg: str = "/dev/kmsg") -> None:
        self.proc, self.cma = proc, cma
        self.log = _open_at_end(kmsg)
        self.counts = self._counters()
        self.blocked: Set[Tuple[int, str]] = set()
        self.in_dump = False

    def look(self) -> List[Event]:
        now = time.time()
        found = [Event(now, "counter", name, rise) for name, rise in self._rises()]
        found += [Event(now, "log", line) for line in self._lines() if self._tells(line)]
        sleepers = sorted(self._sleepers(now), key=lambda one: one.pid)
        found += [one for one in sleepers if (one.pid, one.what) not in self.blocked]
        self.blocked = {(one.pid, one.what) for one in sleepers}
        return found

    def _tells(self, line: str) -> bool:
        """Also the dump of a page, which is several lines: from what announces it to `page dumped because`."""
        tells = bool(_TELLING.search(line))
        if "page dumped because" in line:
            self.in_dump = False
        elif _ANNOUNCES.search(line):
            self.in_dump = True
        elif self.in_dump and _OF_A_DUMP.search(line):
            return True
        return tells

    def close(self) -> None:
        if self.log >= 0:
            os.close(self.log)
            self.log = -1

    def _rises(self) -> List[Tuple[str, int]]:
        before, self.counts = self.counts, self._counters()
        rises = [(name, self.counts[name] - before.get(name, 0)) for name in self.counts]
        return [(name, rise) for name, rise in rises if rise > 0]

    def _counters(self) -> Dict[str, int]:
        counts: Dict[str, int] = {}
        for line in _read(self.proc / "vmstat").splitlines():
            name, _, value = line.partition(" ")
            if name in COUNTERS and value.isdigit():
                counts[name] = int(value)
        for area in sorted(self.cma.glob("*/alloc_pages_fail")):
            value = _read(area).strip()
            if value.isdigit():
                counts["cma %s alloc_pages_fail" % area.parent.name] = int(value)
        return counts

    def _lines(self) -> Iterator[str]:
        """What was logged since; records that were overwritten before they could be read are skipped."""
        while self.log >= 0:
            try:
                record = os.read(self.log, 8192)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EPIPE:  # overwritten; the next read goes on behind the gap
                    continue
                self.close()  # what cannot be read now will not be later: asking again would never end
                return
            if not record:
                return
            yield message(record)

    def _sleepers(self, now: float) -> Iterator[Event]:
        """Tasks in D that are migrating something, with the function that they sleep in."""
        for folder in self.proc.glob("[0-9]*"):
            stat = _read(folder / "stat").rpartition(")")[2].split()
            if not stat or stat[0] != "D":
                continue
            stack = _read(folder / "stack")
            if _MIGRATING.search(stack):
                name = _read(folder / "comm").strip()
                frames = tuple(line.split()[-1] for line in stack.splitlines() if line.strip())
                told = "%s[%s] in %s" % (name, folder.name, " <- ".join(frames[:3]))
                yield Event(now, "blocked", told, 1, int(folder.name), frames[:_MOST_FRAMES])


def watch(
    monitor: Monitor,
    every_seconds: float,
    seconds: float,
    tell: Callable[[Event], None],
    afterwards: Optional[Callable[[], None]] = None,
) -> float:
    """Looks until the time is over (0: until interrupted). Returns the share of one CPU that looking took.

    `afterwards` is called after each look, whatever that has seen.
    """
    began, cpu = time.monotonic(), time.process_time()
    try:
        while not seconds or time.monotonic() - began < seconds:
            left = seconds - (time.monotonic() - began) if seconds else every_seconds
            time.sleep(max(0.0, min(every_seconds, left)))
            for event in monitor.look():
                tell(event)
            if afterwards is not None:
                afterwards()
    except KeyboardInterrupt:
        pass
    finally:
        monitor.close()
    return (time.process_time() - cpu) / max(0.001, time.monotonic() - began)


def _open_at_end(path: str) -> int:
    """The kernel log from here on; -1 where it may not be read."""
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.lseek(log, 0, os.SEEK_END)
        return log
    except OSError:
        return -1


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
