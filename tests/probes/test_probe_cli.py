"""The command line: exit codes, what is refused before anything is held, what is shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import envelope
from probes.cases import CASES
from probes.command import check, cli
from probes.command.check import Machine

GOOD = Machine(
    root=True,
    nr_nodes=1,
    fuse=True,
    compaction=True,
    hung_task_panic=0,
    hung_task_timeout_seconds=120,
    arena_bytes=512 << 20,
)


@pytest.mark.parametrize(
    "outcomes, code",
    [
        (["moves"], 0),
        (["leaves_first"], 0),
        (["never_there"], 0),
        (["refuses"], 1),
        (["hangs"], 1),
        (["inconclusive"], 125),
        (["skipped"], 125),
        (["error"], 125),
        (["moves", "inconclusive"], 0),
        (["moves", "inconclusive", "refuses"], 1),
        ([], 125),
    ],
)
def test_exit_codes(outcomes: list[str], code: int) -> None:
    assert cli.exit_code(outcomes) == code


@pytest.mark.parametrize("slug", sorted(slug for slug, case in CASES.items() if not case.guests_only))
def test_a_good_machine_has_no_obstacles(slug: str) -> None:
    assert check.obstacles(CASES[slug], GOOD, 15) == []


@pytest.mark.parametrize("slug", ["fuse-writeback", "readahead-locked"])
@pytest.mark.parametrize(
    "changes, says",
    [
        ({"hung_task_panic": 1}, "hung_task_panic is 1"),
        ({"hung_task_timeout_seconds": 5}, "hung_task_timeout_secs is 5"),
        ({"hung_task_timeout_seconds": 7}, "hung_task_timeout_secs is 7"),
        ({"root": False}, "needs root"),
        ({"fuse": False}, "/dev/fuse"),
        ({"compaction": False}, "compact_memory"),
        ({"why_no_arena": "too little free memory"}, "too little free memory"),
    ],
)
def test_an_obstacle_is_named(slug: str, changes: Any, says: str) -> None:
    machine = Machine(**{**GOOD.__dict__, **changes})
    assert says in "; ".join(check.obstacles(CASES[slug], machine, 5))


@pytest.mark.parametrize("timeout", [0, 8, None])
def test_a_hung_task_timeout_that_is_off_or_long_is_none(timeout: Any) -> None:
    machine = Machine(**{**GOOD.__dict__, "hung_task_timeout_seconds": timeout})
    assert check.obstacles(CASES["fuse-writeback"], machine, 5) == []


def test_a_reference_minds_no_hung_task_settings() -> None:
    machine = Machine(**{**GOOD.__dict__, "hung_task_panic": 1})
    assert check.obstacles(CASES["vmsplice-pipe"], machine, 5) == []


def test_move_pages_needs_two_nodes() -> None:
    assert "two nodes" in check.obstacles(CASES["vmsplice-pipe"], GOOD, 5, "move_pages")[0]
    two = Machine(**{**GOOD.__dict__, "nr_nodes": 2})
    assert check.obstacles(CASES["vmsplice-pipe"], two, 5, "move_pages") == []


def test_move_pages_cannot_name_what_is_mapped_nowhere() -> None:
    assert "cannot reach" in check.obstacles(CASES["readahead-locked"], GOOD, 5, "move_pages")[0]


@pytest.mark.parametrize("slug", ["fuse-writeback", "readahead-locked"])
def test_nothing_that_can_block_others_runs_without_consent(slug: str, probe: Callable[..., Any]) -> None:
    done = probe("run", slug)
    assert done.returncode == 125
    assert "--on-this-host" in done.stdout
    assert "staging" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "fuse-writeback", "--hold", "15.5"],
        ["run", "fuse-writeback", "--hold", "0"],
        ["run", "no-such-case"],
        ["run"],
        [],
    ],
)
def test_usage(arguments: list[str], probe: Callable[..., Any]) -> None:
    assert probe(*arguments).returncode == cli.USAGE == 129


@pytest.mark.parametrize("token", [[], ["--token-file", "/no/such/file"]])
def test_a_run_that_could_not_be_sent_does_not_begin(token: list[str], probe: Callable[..., Any]) -> None:
    done = probe("run", "vmsplice-pipe", "--submit", "http://127.0.0.1:9", *token)
    assert done.returncode == cli.USAGE == 129
    assert "staging" not in done.stdout


def test_json_is_alone_on_stdout_and_the_server_would_take_it(probe: Callable[..., Any]) -> None:
    done = probe("run", "fuse-writeback", "readahead-locked", "--json", "--label", "base", "--environment", "host")
    read = envelope.read(done.stdout.encode())
    assert [run.outcome for run in read.runs] == ["skipped", "skipped"]
    assert read.kernel.label == "base"
    assert read.kernel.release == os.uname().release


def test_dry_run_shows_what_would_go_scrubbed(probe: Callable[..., Any], tmp_path: Path) -> None:
    done = probe(
        "run",
        "fuse-writeback",
        "--dry-run",
        "--label",
        "built by someone@example.org at 192.0.2.7",
        "--spool",
        str(tmp_path),
    )
    envelope.read(done.stdout.encode())
    label = json.loads(done.stdout)["kernel"]["label"]
    assert label == "built by mail@hidden at ip-hidden"
    assert re.search(r"\(\w+@(?!hidden)", done.stdout) is None
    assert list(tmp_path.glob("*.json*")) == []


def test_check_says_for_each_case_whether_it_can_run(probe: Callable[..., Any]) -> None:
    done = probe("check")
    assert done.returncode == 0
    for slug in CASES:
        assert re.search(rf"(?m)^{slug} +can(not)? run", done.stdout)


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.slug)
def test_a_case_states_what_people_want_to_know(case: Any) -> None:
    assert case.title and case.will_do and case.side_effects and case.cleans_up and case.needs_root
    assert case.movers
    assert case.safe_on_a_host is (case.hold_class not in ("writeback", "page lock", "buffer lock"))


@pytest.mark.parametrize("typo", ["run vmsplice-pip", "run vmsplice-pipe --mover no-such", "lab --bisect vmsplice-pip"])
def test_a_bisection_stops_at_a_typo_and_calls_no_commit_bad(typo: str, tmp_path: Path, root: Path) -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        own = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *own, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    git("init", "-q", "-b", "main")
    for number in range(4):
        git("commit", "-q", "--allow-empty", "-m", f"commit {number}")
    git("bisect", "start", "HEAD", "HEAD~3")
    done = git("bisect", "run", "env", f"PYTHONPATH={root}", sys.executable, "-m", "probes", *typo.split())
    assert done.returncode != 0 and "first bad commit" not in done.stdout + done.stderr


def test_what_the_probe_itself_cannot_do_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python would end with 1, and that is the word for pages that are held."""
    monkeypatch.setattr(os, "uname", lambda: 1 / 0)
    assert cli.main(["run", "fuse-writeback", "--json"]) == 125
    assert "ZeroDivisionError" in capsys.readouterr().err
