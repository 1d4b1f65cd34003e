"""A holder without privilege: it holds, the run says so, and it leaves as little behind as root does."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from probes.cases import CASES
from probes.command import check
from probes.errors import CannotRun
from probes.kernel import syscalls
from probes.run.experiment import Surroundings
from tests.probes.leftovers import GONE_SECONDS, processes_below, state_of
from tests.probes.measured import run_of
from tests.probes.test_probe_cases_faults import holding, left_behind

PLAIN = sorted(slug for slug, case in CASES.items() if not case.why_privileged)
MACHINE = check.Machine(True, 2, True, True, None, None, 1 << 29)


@pytest.mark.parametrize("slug", sorted(CASES))
def test_a_case_can_be_held_without_privilege_or_says_why_not(slug: str) -> None:
    case = CASES[slug]
    found = check.obstacles(case, MACHINE, 1.0, environment="guest", holder="unprivileged")
    assert [text for text in found if "without privilege" in text] == [
        "it cannot be held without privilege: " + case.why_privileged
    ] * bool(case.why_privileged)


@pytest.mark.parametrize("even_refused", [True, False])
@pytest.mark.parametrize("slug", ["aio-ring", "gup-longterm", "io-uring-fixed-buffers"])
def test_what_the_kernel_refuses_is_an_answer_where_that_is_asked_for(
    slug: str, even_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(syscalls, "userfaultfd", refused)
    monkeypatch.setattr(syscalls, "io_uring_setup", refused)
    assert CASES[slug].can_be_refused
    experiment = CASES[slug].experiment(Surroundings(1.0, set(), "move_pages", even_refused))
    if even_refused:
        experiment.start()
        assert "Operation not permitted" in experiment.facts()["hold_refused"]
    else:
        with pytest.raises(CannotRun, match="not permitted"):
            experiment.start()
        assert experiment.facts() == {}
    experiment.close()


def test_what_is_missing_altogether_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(syscalls, "userfaultfd", missing)
    with pytest.raises(CannotRun):
        CASES["aio-ring"].experiment(Surroundings(1.0, set(), "move_pages", True)).start()


def test_movers_that_write_as_root_go_with_a_privileged_holder_only() -> None:
    case = CASES["vmsplice-pipe"]
    for mover in ("move_pages", "kcompactd", "direct_compaction"):
        assert check.obstacles(case, MACHINE, 1.0, mover, "guest", "unprivileged") == []
    assert "throw-away" in check.obstacles(case, MACHINE, 1.0, "kcompactd", "host")[0]
    assert check.obstacles(case, MACHINE, 1.0, "offline", "guest", "privileged") == []
    assert "privileged holder" in check.obstacles(case, MACHINE, 1.0, "offline", "guest", "unprivileged")[0]


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.real_probe
@pytest.mark.parametrize("slug", ["vmsplice-pipe", "odirect-slow-io", "fuse-writeback"])
def test_who_holds_is_a_plain_user_and_can_be_killed(
    slug: str, probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    before = left_behind()
    plain = ("--holder", "unprivileged", "--on-this-host")
    cli = holding(probe_started, "run", slug, "--mover", "compaction", "--hold", "13", *plain)
    below = processes_below(cli.pid)
    holders = [pid for name, pid in below.items() if name in ("unmig-run", "unmig-fuse", "unmig-watch")]
    assert len(holders) == (3 if CASES[slug].needs_namespace else 1)
    for pid in holders:
        told = status(pid)
        assert told["Uid"].split() == ["65534"] * 4
        if not CASES[slug].needs_namespace:  # in a namespace of one's own one may do anything that it allows
            assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == 0
        else:
            assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
    assert status(below["unmig-move"])["Uid"].split() == ["0"] * 4
    os.kill(below["unmig-run"], signal.SIGKILL)
    assert cli.wait(GONE_SECONDS) == 125
    until(lambda: not any(state_of(pid) for pid in below.values()), GONE_SECONDS, "processes are still there")
    until(lambda: left_behind() == before, GONE_SECONDS, f"not as before: {before}")


@pytest.mark.real_probe
def test_the_command_line_is_killed(
    probe_started: Callable[..., subprocess.Popen[str]], until: Callable[..., None]
) -> None:
    """What dies with its parent still does, although a change of the uid switches that off."""
    plain = ("--hold", "13", "--holder", "unprivileged")
    cli = holding(probe_started, "run", "vmsplice-pipe", "--mover", "compaction", *plain)
    below = processes_below(cli.pid)
    os.kill(cli.pid, signal.SIGKILL)
    until(lambda: not any(state_of(pid) for pid in below.values()), GONE_SECONDS, "processes are still there")


@pytest.mark.real_probe
def test_the_run_says_who_held(probe: Callable[..., Any]) -> None:
    done = probe("run", "secretmem", "--hold", "2", "--holder", "unprivileged", "--mover", "compaction", "--json")
    sent = run_of(done)
    assert (sent["holder"], sent["outcome"]) == ("unprivileged", "never_there")
