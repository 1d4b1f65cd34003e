"""The bound on CPU time that tests lay on: it catches what is slow, and does not ask how busy the machine is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import cpu

TESTS = Path(__file__).resolve().parent
CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time"}
# How long something is waited for, and a hang of ten minutes.
PATIENT = {"running.py", "probes/conftest.py", "webhooks/test_hooks.py"}


def work(yardsticks: int) -> None:
    for _ in range(yardsticks):
        cpu.yardstick()


def test_what_takes_more_than_its_bound_fails_whatever_the_machine() -> None:
    with pytest.raises(AssertionError, match="on a quiet machine"), cpu.bounded(cpu.QUIET_SECONDS / 10):
        work(8)


def test_what_takes_less_passes_and_lays_no_yardstick_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "slowness", lambda: pytest.fail("it costs time itself"))
    with cpu.bounded(60):
        work(1)


def test_a_machine_that_is_slower_has_as_many_times_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "QUIET_SECONDS", cpu.QUIET_SECONDS / 100)
    with cpu.bounded(cpu.QUIET_SECONDS * 100 / 50):  # over the bound, and less than a hundred times
        work(1)


def test_no_other_assertion_asks_a_clock() -> None:
    asking = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in CLOCKS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "time"
    }
    assert asking == PATIENT, "bound it by tests.cpu, or count"
