"""A run that is killed in the middle of its hold leaves nothing: no process, mount, loop device or FUSE connection."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.probes.test_probe_faults import connections, processes_below, state_of

pytestmark = pytest.mark.real_probe

KILLED = (
    "splice-pagecache-pipe",
    "skb-frags-sendfile",
    "odirect-slow-io",
    "io-uring-fixed-buffers",
    "gup-longterm",
    "secretmem",
    "mlock-compaction-policy",
    "split-dirty-iomap",
    "lru-add-batches",
)
GONE_SECONDS = 6.0


def left_behind() -> dict[str, object]:
    """What a run could leave on the machine."""
    backing = Path("/sys/block").glob("loop*/loop/backing_file")
    names = [Path(f"/proc/{pid}/comm") for pid in os.listdir("/proc") if pid.isdigit()]
    running = sorted(text for text in map(read, names) if text.startswith("unmig-"))
    return {
        "loop": sorted(read(path) for path in backing),
        "mounts": Path("/proc/self/mountinfo").read_text().count("\n"),
        "huge": re.findall(r"HugePages_Total:\s+(\d+)", Path("/proc/meminfo").read_text()),
        "fuse": connections(),
        "running": running,
        "setting": read(Path("/proc/sys/vm/compact_unevictable_allowed")),
    }


def read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@pytest.mark.parametrize("slug", KILLED)
def test_the_run_is_killed(
    slug: str, probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    # A test before this one may have killed its own probe just now; what is to be compared begins after that.
    until(lambda: not left_behind()["running"], GONE_SECONDS, "probes of an earlier test are still there")
    before = left_behind()
    cli = probe_started("run", slug, "--on-this-host", "--mover", "compaction", "--hold", "15")
    assert cli.stdout is not None
    while "control pages beside" not in (line := cli.stdout.readline()):
        assert line, "the run ended before it held anything"
    below = processes_below(cli.pid)
    assert "unmig-run" in below
    os.kill(below["unmig-run"], signal.SIGKILL)
    assert cli.wait(GONE_SECONDS) == 125
    until(lambda: not any(state_of(pid) for pid in below.values()), GONE_SECONDS, "processes are still there")
    until(lambda: left_behind() == before, GONE_SECONDS, f"not as before: {before}")
