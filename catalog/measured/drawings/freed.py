"""Seconds until a folio was free after its release, as dots on a logarithmic axis.

The totals keep a histogram, so a dot is a bucket: its size says how many runs, its place how long. There are never more
dots than buckets, however many runs there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.measured import histogram

WIDTH, MARGIN = 200, 8
TICKS = ((0.01, "10 ms"), (1.0, "1 s"), (60.0, "1 min"), (3600.0, "1 h"))


@dataclass(frozen=True)
class Dot:
    x: int
    radius: int
    runs: int
    seconds: float


@dataclass(frozen=True)
class Freed:
    """`release`: the build whose runs these are. Builds are never pooled."""

    release: str
    dots: tuple[Dot, ...]

    @property
    def said(self) -> str:
        times = ", ".join(f"{dot.runs} × about {spoken(dot.seconds)}" for dot in self.dots)
        return f"Freed after the release, on {self.release}: {times}"

    def as_json(self) -> dict[str, Any]:
        return {"release": self.release, "dots": [{"seconds": dot.seconds, "runs": dot.runs} for dot in self.dots]}


def place(seconds: float) -> int:
    """Where a time stands on the axis."""
    span = math.log(histogram.middle(histogram.BUCKETS - 1) / histogram.FIRST_SECONDS)
    share = math.log(max(seconds, histogram.FIRST_SECONDS) / histogram.FIRST_SECONDS) / span
    return MARGIN + round(min(share, 1.0) * (WIDTH - 2 * MARGIN))


AXIS = tuple((place(seconds), label) for seconds, label in TICKS)


def freed(release: str, counted: Sequence[int]) -> Freed | None:
    """None where nothing was timed."""
    dots = [
        Dot(place(seconds := histogram.middle(n)), min(7, 3 + round(math.log2(runs))), runs, round(seconds, 4))
        for n, runs in enumerate(counted[: histogram.BUCKETS])
        if runs
    ]
    return Freed(release, tuple(dots)) if dots else None


def spoken(seconds: float) -> str:
    """One digit, as a bucket knows it: 80 ms, 2 s, 7 min."""
    for unit, label in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= unit:
            return f"{float(f'{seconds / unit:.1g}'):g} {label}"
    return f"{float(f'{seconds * 1000:.1g}'):g} ms"
