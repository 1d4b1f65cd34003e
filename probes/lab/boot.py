"""One guest, from its start to its end, which comes at the deadline at the latest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Set

from probes.kernel import syscalls
from probes.lab import serial
from probes.lab.qmp import Monitor, asked

_LOOK_SECONDS = 0.5
_END_SECONDS = 10.0


@dataclass(frozen=True)
class Boot:
    """What became of a guest. `in_time`: it ended by itself."""

    seconds: float
    in_time: bool
    code: int
    log: serial.Log
    complaint: str


def run(
    command: List[str],
    results: Path,
    deadline_seconds: float,
    say: Callable[[str], None],
    take: Callable[[serial.Result], None] = lambda result: None,
    monitor: Optional[Monitor] = None,
) -> Boot:
    """Run it to its end, tell what comes over the results' serial port, and hand over each result once it is whole.

    `monitor`: answers what the guest asks for meanwhile, one request a turn, so that the deadline is looked at between.
    """
    taken: Set[str] = set()
    results.write_bytes(b"")
    began = time.monotonic()
    shown = nr_asked = 0
    with _started(command, monitor) as process:
        while process.poll() is None and time.monotonic() - began < deadline_seconds:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
            if monitor is not None:
                for word, state in asked(results.read_bytes())[nr_asked : nr_asked + 1]:
                    say(monitor.answer(word, state, began + deadline_seconds - time.monotonic()))
                    nr_asked += 1
            lines = serial.said(results.read_bytes())
            for line in lines[shown:]:
                say(line)
            if any(line.startswith("end ") for line in lines[shown:]):
                _hand_over(serial.read(results.read_bytes()), taken, take)
            shown = len(lines)
        in_time = process.poll() is not None
    complaint = (process.stderr.read() if process.stderr else b"").decode("utf-8", "replace").strip()[-500:]
    if process.stderr:
        process.stderr.close()
    log = serial.read(results.read_bytes())
    _hand_over(log, taken, take)
    return Boot(time.monotonic() - began, in_time, process.returncode, log, complaint)


def _hand_over(log: serial.Log, taken: Set[str], take: Callable[[serial.Result], None]) -> None:
    for job, result in log.results.items():
        if job not in taken:
            taken.add(job)
            take(result)


@contextlib.contextmanager
def _started(command: List[str], monitor: Optional[Monitor]) -> Iterator["subprocess.Popen[bytes]"]:
    """A child in a session of its own that dies with us, and is gone at the end, whatever happens."""
    process = subprocess.Popen(
        command + (monitor.arguments() if monitor is not None else []),
        pass_fds=[monitor.theirs.fileno()] if monitor is not None else [],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: syscalls.die_with_parent(signal.SIGKILL),
    )
    if monitor is not None:
        monitor.handed_over()
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(_END_SECONDS)
