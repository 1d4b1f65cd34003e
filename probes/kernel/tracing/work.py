"""What a driver does in a worker of a shared queue.

Which worker it is changes, and nothing but the tracepoints workqueue_queue_work, workqueue_execute_start and
workqueue_execute_end tells when it began, when it was done, and whether it is to run again
(include/trace/events/workqueue.h; they name the function in 6.1 to 7.3).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from typing import Dict, List, Optional, Tuple

from probes.kernel.tracing.trace import FOLDER

_INSTANCE = FOLDER + "/instances/unmigratable-work"
_WORK = ("workqueue/workqueue_queue_work", "workqueue/workqueue_execute_start", "workqueue/workqueue_execute_end")
_EVENTS = (*_WORK, "migrate/mm_migrate_pages", "page_isolation/test_pages_isolated")
_TRACED = re.compile(r".{0,40}?-(\d{1,10}) +\[\d+\] \S+ +(\d+\.\d+): (\w{1,60}): (.*)")
_FUNCTION = re.compile(r"\bfunction[ =](\w{1,80})")
_NOT_HAD = re.compile(r"start_pfn=0x([0-9a-f]+) end_pfn=0x([0-9a-f]+) fin_pfn=0x([0-9a-f]+) ret=fail")
_COUNTED = re.compile(r"nr_succeeded=(\d+) nr_failed=(\d+) .{0,200}?mode=(\w{1,40}) reason=(\w{1,40})")


class Work:
    """What the trace says of one function: how often it was queued, begun and done, by whom, and what it migrated.

    `not_had`: each time that a contiguous range was not free after its pages were migrated (mm/page_isolation.c,
    test_pages_isolated), the range and the first frame in it that was still in use.
    """

    def __init__(self, function: str) -> None:
        self.function = function
        self.pid: Optional[int] = None
        self.nr_queued = self.nr_begun = self.nr_done = 0
        self.seconds: List[float] = []
        self.calls: Dict[str, int] = {}
        self.nr_calls_failed = 0
        self.not_had: List[Tuple[int, int, int]] = []
        self._began = 0.0
        self._waits = False

    def idle(self) -> bool:
        """It was queued, and has been done as often as it was queued."""
        return self.nr_done > 0 and self.nr_done == self.nr_begun and not self._waits

    def take(self, text: str) -> None:
        """More lines of the trace, in their order."""
        for line in text.splitlines():
            match = _TRACED.fullmatch(line)
            if match is not None:
                self._event(int(match[1]), float(match[2]), match[3], match[4])

    def _event(self, pid: int, seconds: float, event: str, rest: str) -> None:
        if event in ("mm_migrate_pages", "test_pages_isolated"):
            if pid == self.pid:
                self._migrated(rest)
            return
        found = _FUNCTION.search(rest)
        if found is None or found[1] != self.function:
            return
        if event == "workqueue_queue_work":
            self.nr_queued += 1
            self._waits = True
        elif event == "workqueue_execute_start":
            self.nr_begun += 1
            self.pid, self._began, self._waits = pid, seconds, False
        elif event == "workqueue_execute_end" and self.nr_done < self.nr_begun:  # and not one from before
            self.nr_done += 1
            self.seconds.append(round(seconds - self._began, 3))

    def _migrated(self, rest: str) -> None:
        found = _NOT_HAD.match(rest)
        if found is not None:
            self.not_had.append((int(found[1], 16), int(found[2], 16), int(found[3], 16)))
        found = _COUNTED.search(rest)
        if found is not None:
            name = "%s %s" % (found[3], found[4])
            self.calls[name] = self.calls.get(name, 0) + 1
            self.nr_calls_failed += found[2] != "0"


class WorkTrace:
    """An instance of tracefs of our own, read as it fills, so that a long wait overwrites nothing.

    It stays switched on. Each switch patches code that runs, and an emulated processor may still have the breakpoint
    that stands there meanwhile: two guests of 7.3.4 that switched some thirty times died of it in `__schedule`. To keep
    the names of tasks would patch that place too, so they are left out.
    """

    def __init__(self) -> None:
        if not os.path.isdir(FOLDER + "/events/workqueue"):
            raise OSError(errno.ENOENT, "this kernel has no tracepoints of work queues", FOLDER)
        _switch(FOLDER + "/options/record-cmd", "0")
        os.makedirs(_INSTANCE, exist_ok=True)
        for event in _EVENTS:
            _switch("%s/events/%s/enable" % (_INSTANCE, event), "1")
        self._fd = os.open(_INSTANCE + "/trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def new(self) -> str:
        """The lines that have come since."""
        parts = [self._rest]
        with contextlib.suppress(BlockingIOError):
            while True:
                part = os.read(self._fd, 1 << 16)
                if not part:
                    break
                parts.append(part)
        whole, end, self._rest = b"".join(parts).rpartition(b"\n")
        return (whole + end).decode("ascii", "replace")


def _switch(path: str, text: str) -> None:
    """Where there is such a switch, and it stands otherwise."""
    if os.path.exists(path):
        with open(path, encoding="ascii") as file:
            stands = file.read().strip()
        if stands != text:
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
