"""A real run that measured nothing says why, and tells a bad machine from a bad probe."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.probes.measured import fitness, run_of, state_of_machine


def done(stdout: str, stderr: str = "", code: int = 125) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, stdout, stderr)


def sent(**run: object) -> str:
    return json.dumps({"runs": [run]})


def test_a_run_that_measured_is_returned() -> None:
    assert run_of(done(sent(outcome="refuses"), code=1)) == {"outcome": "refuses"}


@pytest.mark.parametrize("outcome", ["error", "skipped"])
def test_one_that_did_not_says_why_and_how_the_machine_was(outcome: str) -> None:
    printed = sent(outcome=outcome, reason="the run had no result after 32 s")
    with pytest.raises(AssertionError, match=rf"^{outcome}: the run had no result after 32 s\nThe machine is") as told:
        run_of(done(printed, "holds 16 folios"))
    assert "It said: holds 16 folios" in str(told.value)


def test_one_without_a_report_says_what_the_probe_said() -> None:
    with pytest.raises(AssertionError, match="ended with -9 and no report: Killed"):
        run_of(done("", "Killed", -9))


@pytest.mark.parametrize(("load", "available_mb", "is_fit"), [(2.0, 200, True), (2.1, 200, False), (0.1, 199, False)])
def test_a_busy_machine_and_one_without_memory_are_not_fit(load: float, available_mb: int, is_fit: bool) -> None:
    assert ("suspect the probe" in fitness(load, available_mb)) == is_fit


def test_the_state_of_this_machine_is_read() -> None:
    load, available_mb = state_of_machine()
    assert load >= 0 and available_mb > 0
