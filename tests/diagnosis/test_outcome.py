"""From counts to an outcome: for every rule what matches, what nearly does, and each boundary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.matching.outcome import Count, judge

HELD = Count(
    control_nr=10,
    control_moved=10,
    target_nr=20,
    moved_by_hold=0,
    moved_while_held=0,
    moved_after_release=20,
    returned=False,
)


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "hangs"),
        ({"returned": True}, "refuses"),
        # moves: half of the target or more
        ({"moved_while_held": 20}, "moves"),
        ({"moved_while_held": 10}, "moves"),
        ({"moved_while_held": 9}, "inconclusive"),
        ({"moved_while_held": 11, "target_nr": 21}, "moves"),
        ({"moved_while_held": 10, "target_nr": 21}, "inconclusive"),
        ({"moved_while_held": 20, "control_moved": 0}, "moves"),
        # held: up to one in twenty
        ({"moved_while_held": 1}, "hangs"),
        ({"moved_while_held": 2}, "inconclusive"),
        ({"moved_while_held": 1, "target_nr": 19, "moved_after_release": 19}, "inconclusive"),
        # the control must move: half of it or more
        ({"control_moved": 5}, "hangs"),
        ({"control_moved": 4}, "inconclusive"),
        ({"control_moved": 0}, "inconclusive"),
        # the target must move after the release: half of it or more
        ({"moved_after_release": 10}, "hangs"),
        ({"moved_after_release": 9}, "inconclusive"),
        ({"moved_after_release": None}, "inconclusive"),
        # an operation that fails while held and succeeds after proves both
        ({"control_moved": 0, "operation_held": False, "operation_released": True}, "hangs"),
        ({"moved_after_release": None, "operation_held": False, "operation_released": True}, "hangs"),
        ({"control_moved": 0, "operation_held": None, "operation_released": True}, "inconclusive"),
        ({"control_moved": 0, "operation_held": False, "operation_released": None}, "inconclusive"),
        ({"control_moved": 0, "operation_held": False, "operation_released": False}, "inconclusive"),
        ({"control_moved": 0, "operation_held": True, "operation_released": True}, "inconclusive"),
        # leaves first: half moved by the hold, and the operation went through
        ({"moved_by_hold": 10, "operation_held": True}, "leaves_first"),
        ({"moved_by_hold": 9, "operation_held": True}, "hangs"),
        ({"moved_by_hold": 20, "operation_held": False}, "hangs"),
        ({"moved_by_hold": 20}, "hangs"),
        ({"moved_by_hold": 10, "operation_held": True, "in_movable_area": False}, "leaves_first"),
        # a mover that should have slept and came back did not reach the target; where it slept or moved it, it did
        ({"returned": True, "reached": False}, "inconclusive"),
        ({"returned": True, "reached": True}, "refuses"),
        ({"returned": False, "reached": False}, "hangs"),
        ({"returned": True, "reached": False, "moved_while_held": 20}, "moves"),
        # never there
        ({"in_movable_area": False}, "never_there"),
        ({"in_movable_area": False, "moved_while_held": 20}, "never_there"),
        ({"in_movable_area": False, "control_moved": 0}, "never_there"),
    ],
)
def test_the_counts_decide(changed: dict[str, object], outcome: str) -> None:
    assert judge(replace(HELD, **changed))[0] == outcome  # type: ignore[arg-type]


def test_the_reason_names_the_numbers() -> None:
    assert judge(HELD)[1] == "0 of 20 pages moved while held, 20 after the release; the mover slept until the release"
    assert judge(replace(HELD, control_moved=4))[1] == "only 4 of 10 control pages moved"
    assert "unknown how many of 20" in judge(replace(HELD, moved_after_release=None))[1]
    assert "too many to be held" in judge(replace(HELD, moved_while_held=5))[1]
    assert judge(replace(HELD, moved_by_hold=10, operation_held=True))[1].startswith("10 of 20 pages moved by the hold")


def test_an_unknown_after_the_release_is_left_out_of_the_reason() -> None:
    proved = replace(HELD, moved_after_release=None, operation_held=False, operation_released=True)
    assert judge(proved)[1] == "0 of 20 pages moved while held; the mover slept until the release"
