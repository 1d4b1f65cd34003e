"""Reading the totals: what a page says of a case was measured by whom, on what, how often.

A run is the unit. Movers, areas, environments and kinds are never pooled; inconclusive, skipped and
failed runs are shown and stay out of the denominator.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from catalog.measured import histogram
from catalog.models import Case, KernelBuild, Total
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import (
    CONCLUSIVE,
    ENVIRONMENTS,
    HELD,
    MOVERS,
    OUTCOMES,
    Word,
    counted,
    look_up,
    look_up_area,
)

GLYPHS = {"held": "●", "moves": "○", "mixed": "◐", "other": "∘", "none": "·"}
MEANINGS = {
    "held": "the folio stays",
    "moves": "the folio moves, or leaves first",
    "mixed": "both seen",
    "other": "tried in other ways only",
    "none": "no conclusive run",
}
INTERVAL_FROM = 20


@dataclass(frozen=True)
class Summary:
    """All runs of one case under one build, architecture, mover, area, environment and kind."""

    case_id: int
    build: KernelBuild
    architecture: str
    mover: Word
    area: Word
    environment: Word
    kind: str
    outcomes: tuple[tuple[Word, int], ...]
    nr_machines: int
    freed_seconds: float | None
    last_seen_at: datetime
    histogram: tuple[int, ...] = ()
    """Of the runs that held: by `histogram.bucket`, in how many the folio was free after which time."""
    worked: tuple[int, ...] = (0,) * 6

    @classmethod
    def of(cls, total: Total) -> Summary:
        return cls(
            case_id=total.case_id,
            build=total.build,
            architecture=total.architecture,
            mover=look_up(MOVERS, total.mover),
            area=look_up_area(total.area),
            environment=look_up(ENVIRONMENTS, total.environment),
            kind=total.kind,
            outcomes=tuple((look_up(OUTCOMES, outcome), runs) for outcome, runs in total.outcomes.items()),
            nr_machines=total.nr_machines,
            freed_seconds=histogram.median(total.histogram),
            last_seen_at=total.last_seen_at,
            histogram=tuple(total.histogram),
            worked=tuple(total.worked),
        )

    @property
    def conclusive(self) -> int:
        return sum(runs for word, runs in self.outcomes if word.slug in CONCLUSIVE)

    @property
    def held(self) -> int:
        return sum(runs for word, runs in self.outcomes if word.slug in HELD)

    @property
    def runs(self) -> int:
        return sum(runs for _, runs in self.outcomes)

    @property
    def place(self) -> tuple[str, str, str]:
        """What it ran on. Rows of one place stand under one heading."""
        return str(self.build), self.architecture, self.environment.slug

    @property
    def aside(self) -> tuple[tuple[Word, int], ...]:
        """What was seen and does not count: inconclusive, skipped, error."""
        return tuple(pair for pair in self.outcomes if pair[0].slug not in CONCLUSIVE)

    @property
    def verdict(self) -> str:
        return verdict(self.held, self.conclusive)

    @property
    def glyph(self) -> str:
        return GLYPHS[self.verdict]

    @property
    def said(self) -> str:
        """'hangs', '4 hangs, 1 moves', or 'no conclusive run'."""
        seen = [(word, runs) for word, runs in self.outcomes if word.slug in CONCLUSIVE]
        if len(seen) == 1:
            return seen[0][0].label
        return ", ".join(counted(runs, word) for word, runs in seen) or MEANINGS["none"]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the held share; only where outcomes vary or runs are many."""
        if self.conclusive and (0 < self.held < self.conclusive or self.conclusive >= INTERVAL_FROM):
            return wilson(self.held, self.conclusive)
        return None


def verdict(held: int, conclusive: int) -> str:
    if not conclusive:
        return "none"
    return "held" if held == conclusive else "mixed" if held else "moves"


def wilson(held: int, runs: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927), as two shares from 0 to 1."""
    share, z2 = held / runs, z * z
    middle = (share + z2 / (2 * runs)) / (1 + z2 / runs)
    half = z * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs)) / (1 + z2 / runs)
    return max(0.0, middle - half), min(1.0, middle + half)


def summaries(case: Case) -> list[Summary]:
    """The evidence table of a case: newest kernel first. One query."""
    made = summarised(case.totals.select_related("build"))
    made.sort(key=lambda s: (s.build.release, s.build.label, s.place, s.mover.slug, s.area.slug))
    made.sort(key=lambda s: releases.read(s.build.release).order, reverse=True)
    return made


def summarised(totals: Iterable[Total]) -> list[Summary]:
    """The totals come with their builds."""
    return [Summary.of(total) for total in totals]
