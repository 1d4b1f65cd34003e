"""The kernel's own tracepoints of one task: what a mover met, in its own words. For guests alone.

A mover that comes back has either skipped the target or never met it, and what it traces tells the two apart. What the
lines of each mover say is read in the modules beside this one, each with the tracepoints that it wants.
"""

from __future__ import annotations

import os
import re
from typing import List, Sequence, Tuple

from probes.errors import CannotRun

FOLDER = "/sys/kernel/tracing"
_INSTANCE = FOLDER + "/instances/unmigratable"
# `CPU:1 [LOST 12 EVENTS]`, without a number where the kernel does not know it (kernel/trace/trace.c, print_trace_line).
_LOST = re.compile(r"CPU:\d+ \[LOST (\d*) ?EVENTS\]")
_WRITTEN = re.compile(r"# entries-in-buffer/entries-written: (\d+)/(\d+)")


class Trace:
    """Opened while privileged: read later through the same descriptor, whoever the run's process is by then."""

    with_threads = False  # those too that the task starts from then on
    file, flags = "trace", 0
    buffer_kib = 0  # of each CPU; 0: as it is

    def __init__(self, pid: int, events: Sequence[str]) -> None:
        if not os.path.isdir("%s/events/%s" % (FOLDER, events[0])):
            raise CannotRun("this kernel has no tracepoint %s at %s" % (events[0], FOLDER))
        os.makedirs(_INSTANCE, exist_ok=True)
        _write("options/event-fork", str(int(self.with_threads)))
        _write("set_event_pid", str(pid))
        self.events = [event for event in events if os.path.isdir("%s/events/%s" % (_INSTANCE, event))]
        for event in self.events:
            _write("events/%s/enable" % event, "1")
        if self.buffer_kib:
            _write("buffer_size_kb", str(self.buffer_kib))
        os.close(os.open(_INSTANCE + "/trace", os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC))  # what earlier runs left
        self._fd = os.open("%s/%s" % (_INSTANCE, self.file), os.O_RDONLY | os.O_CLOEXEC | self.flags)
        self._seen = self._overwritten = 0
        self.nr_lost = 0  # events since `skip` that the buffer had no room for, as far as `new` has seen

    def skip(self) -> None:
        """What was traced so far is of no interest."""
        lines, self._overwritten, _ = self._read()
        self._seen, self.nr_lost = len(lines), 0

    def new(self) -> str:
        """What was traced since `skip`. Where the buffer was overwritten, it may begin with what came before."""
        lines, overwritten, nr_lost = self._read()
        since = max(0, overwritten - self._overwritten)
        self.nr_lost = since + nr_lost
        return "\n".join(lines[max(0, self._seen - since) :])

    def _read(self) -> Tuple[List[str], int, int]:
        """Lines, how many events before them were overwritten since the trace began, and how many are lost between."""
        if not self.flags:
            os.lseek(self._fd, 0, os.SEEK_SET)
        parts = []
        while True:
            try:
                part = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                break
            if not part:
                break
            parts.append(part)
        text = b"".join(parts).decode("ascii", "replace")
        counts = _WRITTEN.search(text)
        nr_lost = sum(int(number or 1) for number in _LOST.findall(text))
        lines = [line for line in text.splitlines() if line and not line.startswith("#") and not _LOST.match(line)]
        return lines, int(counts[2]) - int(counts[1]) if counts is not None else 0, nr_lost

    def close(self) -> None:
        os.close(self._fd)


def mark(text: str) -> None:
    """A line of our own in the trace, where it stands now (kernel/trace/trace.c, tracing_mark_write)."""
    _write("trace_marker", text)


def _write(name: str, text: str) -> None:
    with open("%s/%s" % (_INSTANCE, name), "w", encoding="ascii") as file:
        file.write(text)
