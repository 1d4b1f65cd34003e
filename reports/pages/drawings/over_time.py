"""The newest runs of a case over time: when they were seen, on which build and by which mover, and how many held.

Only so many are looked at, in the order of the index that the list of the latest reports uses too: a drawing of a case
with a million runs costs what one of a hundred does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from catalog.measured.overview import verdict
from catalog.measured.strips import PREFERRED
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, MOVERS, Word, look_up

NEWEST = 120
BINS, MOST_ROWS = 30, 16
WIDTH, LEFT, ROW, FOOT = 920, 230, 22, 18  # in pixels
STEP = (WIDTH - LEFT) // BINS
SHORTEST = timedelta(days=1)  # what was sent within a day, such as one batch, is no course of time


@dataclass(frozen=True)
class Dot:
    """The conclusive runs of one mover on one build in one part of the time. `held` of `runs` kept the folio."""

    x: int
    y: int
    since: datetime
    held: int
    runs: int

    @property
    def verdict(self) -> str:
        return verdict(self.held, self.runs)

    @property
    def half(self) -> str:
        """The left half of it, as a path."""
        return f"M{self.x} {self.y - self.radius}a{self.radius} {self.radius} 0 0 0 0 {2 * self.radius}z"

    @property
    def radius(self) -> int:
        """Its area grows with the runs, up to the height of a row."""
        return min(3 + round(1.6 * math.sqrt(self.runs - 1)), ROW // 2 - 1)


@dataclass(frozen=True)
class Row:
    """One mover on one build: what differs in more than its time is never pooled."""

    build: str
    mover: Word
    y: int
    dots: tuple[Dot, ...]

    @property
    def said(self) -> str:
        held, runs = sum(dot.held for dot in self.dots), sum(dot.runs for dot in self.dots)
        return f"{self.mover.label} on {self.build}: {held} of {runs} held"


@dataclass(frozen=True)
class OverTime:
    first: datetime
    last: datetime
    rows: tuple[Row, ...]
    is_cut: bool
    """There are older ones."""
    nr_left_out: int
    width: int = WIDTH
    left: int = LEFT

    @property
    def foot(self) -> int:
        return ROW * len(self.rows)

    @property
    def height(self) -> int:
        return self.foot + FOOT

    @property
    def ends(self) -> list[tuple[int, datetime, str]]:
        """Where dates stand below the axis."""
        middle = self.first + (self.last - self.first) / 2
        return [(LEFT, self.first, "start"), ((LEFT + WIDTH) // 2, middle, "middle"), (WIDTH, self.last, "end")]

    @property
    def said(self) -> str:
        """For whoever does not see the drawing."""
        which = f"The {NEWEST} newest runs" if self.is_cut else "All runs"
        days = f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        return f"{which}, from {days}. {'; '.join(row.said for row in self.rows)}. The table below has each."


def over_time(seen: Iterable[tuple[datetime, str, str, str, str]]) -> OverTime | None:
    """`seen`: when, on which release and label, by which mover and with which outcome, the newest first, at most NEWEST
    and one more. None where all of it is of one day, or nothing is conclusive."""
    seen = list(seen)
    counted = [one for one in seen[:NEWEST] if one[-1] in CONCLUSIVE]
    if not counted or counted[0][0] - counted[-1][0] < SHORTEST:
        return None
    first, last = counted[-1][0], counted[0][0]
    by_row: dict[tuple[str, str], dict[int, list[bool]]] = {}
    for at, release, label, mover, outcome in counted:
        part = min(BINS - 1, int(BINS * ((at - first) / (last - first))))
        runs = by_row.setdefault((f"{release} + {label}" if label else release, mover), {})
        runs.setdefault(part, []).append(outcome in HELD)
    shown = sorted(list(by_row)[:MOST_ROWS], key=_order)
    rows = []
    for n, (build, mover) in enumerate(shown):
        y = ROW * n + ROW // 2
        dots = (
            Dot(LEFT + STEP * part + STEP // 2, y, first + (last - first) * part / BINS, sum(held), len(held))
            for part, held in sorted(by_row[build, mover].items())
        )
        rows.append(Row(build, look_up(MOVERS, mover), y, tuple(dots)))
    return OverTime(first, last, tuple(rows), len(seen) > NEWEST, len(by_row) - len(shown))


def _order(row: tuple[str, str]) -> tuple[object, ...]:
    """Builds as they came out, and of one build the movers as everywhere."""
    build, mover = row
    place = PREFERRED.index(mover) if mover in PREFERRED else len(PREFERRED)
    return releases.read(build.partition(" ")[0]).order, build, place, mover
