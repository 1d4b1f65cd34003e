"""However a run is ended in the middle of a hold, nothing of it stays: no process, no connection, no sleeper in D.

The deaths are dealt while a mover sleeps in D on a folio under writeback, the worst moment there is.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from probes.run import lock
from tests.probes.leftovers import GONE_SECONDS, connections, processes_below, state_of

pytestmark = pytest.mark.real_probe

# Longer than any test waits, so that none can pass because time was over.
LONG_HOLD = "15"
LOCK_SECONDS = 120.0
DRAWS = 3
HOLD_SECONDS = 8  # compaction takes some of it to come to the held pages, and the test to stop who holds them
NAMES = {"unmig-run", "unmig-move", "unmig-fuse", "unmig-watch"}


def servers() -> list[int]:
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and state_of(int(entry))]
    return [pid for pid in pids if name_of(pid) == "unmig-fuse"]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Held:
    """A run in the middle of its hold, with the mover asleep in D. Compaction may need another draw."""

    def __init__(
        self, start: Callable[..., subprocess.Popen[str]], until: Callable[..., None], hold: str = LONG_HOLD
    ) -> None:
        self.until = until
        # What an earlier test has killed may be on its way out, and leave its number to a connection of ours.
        with closing(lock.only_one(LOCK_SECONDS, print)):
            until(lambda: not servers(), GONE_SECONDS, "the server of an earlier test is still there")
            self.connections_before = connections()
        for _ in range(DRAWS):
            self.cli = start("run", "fuse-writeback", "--on-this-host", "--hold", hold)
            self.below: dict[str, int] = {}
            until(self._all_there, LOCK_SECONDS + 20, "the probe's four processes did not start")
            until(lambda: self.blocked() or self.cli.poll() is not None, 30, "the mover did not block")
            if self.cli.poll() is None:
                break
        else:
            assert self.cli.stdout is not None
            pytest.skip("compaction never met the held pages: " + self.cli.stdout.read()[-300:])
        assert connections() - self.connections_before, "a connection should be there during the hold"

    def _all_there(self) -> bool:
        self.below = processes_below(self.cli.pid)
        return set(self.below) == NAMES or self.cli.poll() is not None

    def blocked(self) -> bool:
        return state_of(self.below.get("unmig-move", 0)) == "D" and self._waits_for_writeback()

    def _waits_for_writeback(self) -> bool:
        return "folio_wait_writeback" in Path(f"/proc/{self.below['unmig-move']}/stack").read_text()

    def nothing_stays(self, seconds: float = GONE_SECONDS) -> None:
        everyone = [self.cli.pid, *self.below.values()]
        self.until(lambda: self._left(everyone) == [], seconds, "processes are still there")
        self.until(lambda: connections() <= self.connections_before, 2.0, "a FUSE connection is still there")

    def _left(self, pids: list[int]) -> list[int]:
        self.cli.poll()
        return [pid for pid in pids if state_of(pid)]


@pytest.fixture
def held(probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]) -> Held:
    return Held(probe_started, until)


def test_the_command_line_is_killed(held: Held) -> None:
    os.kill(held.cli.pid, signal.SIGKILL)
    held.nothing_stays()


def test_the_run_is_killed(held: Held) -> None:
    """Its exit sleeps in fuse_flush() until someone else ends the connection; a pipe's end would come too late."""
    os.kill(held.below["unmig-run"], signal.SIGKILL)
    held.nothing_stays()
    assert held.cli.wait(5) == 125


def test_the_watcher_is_killed(held: Held) -> None:
    os.kill(held.below["unmig-watch"], signal.SIGKILL)
    held.nothing_stays()
    assert held.cli.wait(5) == 125


def test_the_server_is_killed(held: Held) -> None:
    os.kill(held.below["unmig-fuse"], signal.SIGKILL)
    held.nothing_stays()
    assert held.cli.wait(5) == 125


def test_the_server_is_stopped_and_the_run_killed(held: Held) -> None:
    """A server that cannot act is ended by the watcher, by way of /sys/fs/fuse/connections."""
    os.kill(held.below["unmig-fuse"], signal.SIGSTOP)
    os.kill(held.below["unmig-run"], signal.SIGKILL)
    held.nothing_stays()


def test_the_watcher_and_the_run_are_killed(held: Held) -> None:
    """Nobody is left but the server, which sees it and ends."""
    os.kill(held.below["unmig-watch"], signal.SIGKILL)
    os.kill(held.below["unmig-run"], signal.SIGKILL)
    held.nothing_stays()


def test_the_mover_is_killed(held: Held) -> None:
    """A sleeper in D minds no signal, so the hold runs on; the run is ended to end it."""
    os.kill(held.below["unmig-move"], signal.SIGKILL)
    os.kill(held.below["unmig-run"], signal.SIGTERM)
    held.nothing_stays()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_is_interrupted(held: Held, number: signal.Signals) -> None:
    """Asked to end, the run cleans up by itself first, for which it has ten seconds (isolate.py)."""
    os.kill(held.cli.pid, number)
    held.nothing_stays(12.0)
    assert held.cli.stdout is not None
    assert held.cli.wait(5) == 130, held.cli.stdout.read()[-2000:]


@pytest.mark.parametrize("others", [(), ("unmig-fuse",), ("unmig-watch",)])
def test_a_stopped_run_holds_no_longer_than_agreed(
    others: list[str], probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    """Server and watcher each have a clock of their own; either is enough."""
    held = Held(probe_started, until, hold=str(HOLD_SECONDS))
    for name in ("unmig-run", *others):
        os.kill(held.below[name], signal.SIGSTOP)
    until(lambda: not held.blocked(), HOLD_SECONDS + 2 + 1, "the mover still sleeps in D")
    for name in ("unmig-run", *others):
        if state_of(held.below[name]):
            os.kill(held.below[name], signal.SIGCONT)
    held.nothing_stays()
    assert held.cli.wait(5) == 125
