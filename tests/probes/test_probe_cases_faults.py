"""A run that is killed in the middle of its hold leaves nothing: no process, mount, loop device or FUSE connection."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from probes.cases import CASES
from probes.children import hugepages
from probes.run import lock
from tests.probes.conftest import ROOT, needs_xfs
from tests.probes.leftovers import GONE_SECONDS, HELD, on_the_machine, processes_below, state_of

pytestmark = pytest.mark.real_probe

KILLED = (
    "readahead-locked",
    "vmsplice-pipe",
    "splice-pagecache-pipe",
    "skb-frags-sendfile",
    "odirect-slow-io",
    "io-uring-fixed-buffers",
    "gup-longterm",
    "secretmem",
    "mlock-compaction-policy",
    "split-dirty-iomap",
    "lru-add-batches",
    "bh-refs-blockdev",
    "aio-ring",
)
IN_GUESTS = {"netfs-unresponsive-server", "hugetlb-no-surplus", "locked-buffer"}  # test_probe_lab_boot.py
OUTLIVES = {"shmem-swapcache-refcount"}  # its swap stays on where it is killed, so it has a guest to itself
NO_DEVICE = {"device-exclusive"}  # test_hmm is in none of Debian's kernels
LOCK_SECONDS = 120.0
DRAWS = 3


def left_behind() -> dict[str, object]:
    """What a run could leave on the machine; looked at while no other run can be in its midst."""
    with closing(lock.only_one(LOCK_SECONDS, print)):
        return on_the_machine()


def holding(probe_started: Callable[..., subprocess.Popen[str]], *arguments: str) -> subprocess.Popen[str]:
    """A run in the middle of its hold. One that waited in vain for another probe to end is started again."""
    said: list[str] = []
    for _ in range(DRAWS):
        cli = probe_started(*arguments)
        assert cli.stdout is not None
        said = []
        for line in cli.stdout:
            if HELD in line:
                return cli
            said.append(line)
        if "another probe is running" not in "".join(said[-4:]):
            break
    raise AssertionError("the run ended before it held anything: " + "".join(said[-6:]))


def test_every_case_is_killed_in_its_hold() -> None:
    """fuse-writeback in every way there is, in test_probe_faults.py; what no host can or may hold, in a guest."""
    assert sorted([*KILLED, *IN_GUESTS, *OUTLIVES, *NO_DEVICE, "fuse-writeback"]) == sorted(CASES)


@pytest.mark.parametrize(
    "slug", [pytest.param(slug, marks=[needs_xfs] if slug == "split-dirty-iomap" else []) for slug in KILLED]
)
def test_the_run_is_killed(
    slug: str, probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    # A test before this one may have killed its own probe just now; what is to be compared begins after that.
    until(lambda: not left_behind()["running"], GONE_SECONDS, "probes of an earlier test are still there")
    before = left_behind()
    cli = holding(probe_started, "run", slug, "--on-this-host", "--mover", "compaction", "--hold", "15")
    below = processes_below(cli.pid)
    assert "unmig-run" in below
    os.kill(below["unmig-run"], signal.SIGKILL)
    assert cli.wait(GONE_SECONDS) == 125
    until(lambda: not any(state_of(pid) for pid in below.values()), GONE_SECONDS, "processes are still there")
    until(lambda: left_behind() == before, GONE_SECONDS, f"not as before: {before}")


TAKES_HUGE_PAGES = """
import os, sys
from probes.children import hugepages
taken = hugepages.HugePages()
with hugepages.allowed(4):
    print(taken.take(2, 0), hugepages.allowance(), flush=True)
    sys.stdin.readline()
print(len(taken.addresses), hugepages.allowance(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def taker() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TAKES_HUGE_PAGES]
        started.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[0]

    with closing(lock.only_one(LOCK_SECONDS, print)):
        yield start
    for process in started:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.skipif(not Path("/proc/sys/vm/nr_overcommit_hugepages").exists(), reason="needs CONFIG_HUGETLB_PAGE")
@pytest.mark.parametrize("killed", [False, True])
def test_the_setting_of_huge_pages_is_put_back(
    killed: bool, taker: Callable[[], subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    """By a process of its own, so after a SIGKILL too. The pages stay where nobody is killed, and go with the taker."""
    before, allowed = on_the_machine(), hugepages.allowance()
    started = taker()
    assert started.stdin is not None and started.stdout is not None
    assert started.stdout.readline().split() == ["2", str(allowed + 4)]
    assert on_the_machine() != before
    if killed:
        started.kill()
        started.wait(10)
    else:
        started.stdin.write("\n")
        started.stdin.flush()
        assert started.stdout.readline().split() == ["2", str(allowed)]
        started.stdin.write("\n")
        started.stdin.flush()
    until(lambda: on_the_machine() == before, GONE_SECONDS, f"not as before: {before}")
