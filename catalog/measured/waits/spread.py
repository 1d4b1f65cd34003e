"""How far a sleep spreads: who can be made to sleep on a line of kernels, and what they keep from others meanwhile.

Two columns with a line for each hold, placed by arithmetic, so that the drawing is the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.measured.waits.matrix import Matrix, Mover, Reading

ROW, TOP = 34, 18
WIDTH, LEFT_END, RIGHT_START = 680, 190, 330


@dataclass(frozen=True)
class Box:
    label: str
    y: float


@dataclass(frozen=True)
class Strand:
    """From a mover to a thing; `because` says it."""

    mover: str
    what: str
    y_from: float
    y_to: float
    because: Reading

    @property
    def path(self) -> str:
        middle = (LEFT_END + RIGHT_START) / 2
        return f"M{LEFT_END} {self.y_from} C{middle:g} {self.y_from} {middle:g} {self.y_to} {RIGHT_START} {self.y_to}"


@dataclass(frozen=True)
class Spread:
    movers: tuple[Box, ...]
    things: tuple[Box, ...]
    strands: tuple[Strand, ...]
    alone: tuple[Mover, ...]
    """Who sleeps and keeps nothing from others but who waits for it."""

    @property
    def height(self) -> int:
        return TOP + ROW * max(len(self.movers), len(self.things), 1)

    width = WIDTH
    left_end, right_start = LEFT_END, RIGHT_START


def spread(matrix: Matrix, line: str) -> Spread:
    sleepers = matrix.sleepers(line)
    holding = [(mover, matrix.holds(line, mover)) for mover in sleepers]
    left = [mover for mover, holds in holding if holds]
    things = list(dict.fromkeys(hold.what for _, holds in holding for hold, _ in holds))
    height = ROW * max(len(left), len(things), 1)
    place_of_mover = _places([mover.label for mover in left], height)
    place_of_thing = _places(things, height)
    strands = [
        Strand(mover.label, hold.what, place_of_mover[mover.label], place_of_thing[hold.what], reading)
        for mover, holds in holding
        for hold, reading in holds
    ]
    return Spread(
        tuple(Box(*item) for item in place_of_mover.items()),
        tuple(Box(*item) for item in place_of_thing.items()),
        tuple(strands),
        tuple(mover for mover, holds in holding if not holds),
    )


def _places(labels: list[str], height: float) -> dict[str, float]:
    """Spread evenly over the height."""
    step = height / max(len(labels), 1)
    return {label: round(TOP / 2 + step * (n + 0.5), 1) for n, label in enumerate(labels)}
