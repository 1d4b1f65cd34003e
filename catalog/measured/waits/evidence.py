"""What the site's evidence says of a cell: runs of the cases that make its state, by its mover.

Only runs with a control, on kernels that people run (no candidate's). Nothing is copied by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.measured.waits.boots import Boots
from catalog.measured.waits.matrix import Cell, Matrix
from catalog.models import Total
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import CONCLUSIVE, OUTCOMES, look_up

_NOT_MET = "never_there"  # the pages lay where this mover does not come: no run of it

Key = tuple[str, str, str]
"""Line of kernels, state, mover."""


@dataclass(frozen=True)
class Measured:
    """Conclusive runs of one case in one cell, by outcome, and the build they were made on.

    `in_guests`: how many of the runs, and `boots`: in how many; where that was asked for, and None where there is none.
    """

    case: str
    release: str
    outcomes: Mapping[str, int]
    runs: int
    in_guests: int | None = None
    boots: int | None = None

    @property
    def conclusive(self) -> int:
        return sum(self.outcomes.values())

    @property
    def said(self) -> str:
        """'hangs 5/5'"""
        return ", ".join(f"{look_up(OUTCOMES, slug).label} {nr}/{self.runs}" for slug, nr in self.outcomes.items())


def agrees(cell: Cell, measured: Iterable[Measured]) -> bool | None:
    """Did the runs see what was read? None where none was conclusive, or nothing was read that a run can see."""
    seen = {slug for one in measured for slug in one.outcomes}
    if not seen or not cell.outcome.agrees:
        return None
    return seen <= cell.outcome.agrees


def measured(matrix: Matrix, user: Any, boots: Boots | None = None) -> dict[Key, list[Measured]]:
    """One query. `boots`: what `boots.boots` counted."""
    counted = boots or {}
    movers: dict[str, list[str]] = {}
    for one in matrix.movers:
        if one.measured_by:
            movers.setdefault(one.measured_by, []).append(one.slug)
    states: dict[str, list[Any]] = {}
    for state in matrix.states:
        for made in state.made_by:
            states.setdefault(made.case, []).append((state.slug, made))
    rows = (
        Total.objects.visible_to(user)
        .filter(kind="run", build__label="", mover__in=movers, case__slug__in=states)
        .values_list("case__slug", "build__release", "mover", "runs")
        .order_by("case__slug", "build__release", "mover", "pk")
    )
    added: dict[tuple[Key, str, str, tuple[int, int] | None], Counter[str]] = {}
    for case, release, mover, runs in rows:
        line = releases.read(release).line
        if line not in matrix.kernels:
            continue
        for state, made in states[case]:
            for column in movers[mover] if made.holds_on(line, mover) else ():
                guests = counted.get((case, release, mover))
                counter = added.setdefault(((line, state, column), case, release, guests), Counter())
                counter.update(dict(zip(OUTCOMES, runs, strict=False)))
                del counter[_NOT_MET]
    found: dict[Key, list[Measured]] = {}
    for (key, case, release, guests), counter in added.items():
        conclusive = {slug: counter[slug] for slug in CONCLUSIVE if counter[slug]}
        if counter.total():
            found.setdefault(key, []).append(Measured(case, release, conclusive, counter.total(), *(guests or ())))
    return found
