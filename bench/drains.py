"""What the worker settles: how fast two processes drain what waits, and what memory they come to."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from bench import load
from bench.site import ROOT, names, template

A_BATCH = 5_000


def fill(number: int, machine: Any) -> None:
    """So many one-run reports, waiting."""
    from people.access.authentication import Sender
    from people.models import Scope, Token
    from reports.intake import batch

    body, ids = template(), names()
    before, after = body.split(load.MARK)
    for first in range(0, number, A_BATCH):
        lines = [before + next(ids) + after for _ in range(min(A_BATCH, number - first))]
        batch.take(Sender(machine, frozenset({Scope.SUBMIT}), Token()), b"\n".join(lines))


WORKER = """
import django; django.setup()
from reports.worker import ingest
samples = []
while not ingest.drain(5):
    samples.append(int(open("/proc/self/statm").read().split()[1]) * 4)
samples.append(int(open("/proc/self/statm").read().split()[1]) * 4)
print(*samples)
"""


def drain(number: int, machine: Any, processes: int = 2) -> tuple[float, list[list[int]]]:
    """Seconds to settle so many with two processes, web idle, and their resident KiB every 5 s."""
    fill(number, machine)
    start = time.monotonic()
    command = [sys.executable, "-c", WORKER]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    samples = [[int(one) for one in worker.communicate()[0].split()] for worker in workers]
    return time.monotonic() - start, samples


def nothing_waits() -> None:
    """What other rounds left would be read first, and its time be added to everybody's."""
    from reports.worker import ingest

    while not ingest.drain():
        pass
