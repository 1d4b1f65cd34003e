"""Two arms, base and applied, boot by boot in turn: what drifts meanwhile, such as this machine's load, meets both.

Of each case and mover a boot makes one run, so that runs are as independent as boots are.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, List

from probes.lab.session import Session, Wishes

Say = Callable[[str], None]


@dataclass
class Pace:
    """How long the runs took so far, for the estimate. Nothing is known before the first."""

    began: float
    nr_made: int = 0

    def told(self, now: float, nr_left: int) -> str:
        if not self.nr_made:
            return "%d runs to be made" % nr_left
        each = (now - self.began) / self.nr_made
        return "%d runs to be made, %.0f s each so far: some %.0f min left" % (nr_left, each, each * nr_left / 60)


def run(base: Wishes, applied: Wishes, say: Say) -> int:
    """0 where every run that was asked for has a result on both arms; 1 where something is left to be done. What an
    earlier sitting kept counts. Each arm names one kernel."""
    arms = [Session(base, say), Session(applied, say)]
    for arm in arms:
        arm.prepare()
    if not all(arm.prepared for arm in arms):
        return 1
    pace = Pace(time.monotonic())
    for number in range(1, base.repeat + 1):
        for arm in arms if number % 2 else arms[::-1]:
            _turn(arm, arms, number, pace, say)
    for arm in arms:  # once more for what failed
        _turn(arm, arms, base.repeat, pace, say)
    return max([arm.end() for arm in arms])


def _turn(arm: Session, arms: List[Session], number: int, pace: Pace, say: Say) -> None:
    if not arm.nr_missing(number):
        return
    before = _nr_left(arms)
    say("== %s; %s" % (arm.wishes.label or arm.wishes.kernels[0], pace.told(time.monotonic(), before)))
    arm.measure(number, most_a_boot=1)
    pace.nr_made += before - _nr_left(arms)


def _nr_left(arms: List[Session]) -> int:
    return sum(arm.nr_missing(arm.wishes.repeat) for arm in arms)
