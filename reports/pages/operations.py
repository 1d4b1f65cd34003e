"""Whether what was asked for worked as a whole: the block went offline, the CMA or order-9 allocation succeeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from catalog.models import Total
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import ENVIRONMENTS, MOVERS, OPERATIONS, Word, look_up


@dataclass(frozen=True)
class Share:
    """In how many runs it worked, of how many that tried."""

    worked: int
    tried: int

    def __str__(self) -> str:
        return f"{self.worked} of {self.tried}" if self.tried else "not tried"


@dataclass(frozen=True)
class Row:
    """One operation on one build and architecture, in one kind of place."""

    kernel: str
    architecture: str
    environment: Word
    operation: Word
    before: Share
    while_held: Share
    after: Share

    @property
    def place(self) -> tuple[str, str, str]:
        return self.kernel, self.architecture, self.environment.slug


_BY = ("build__release", "build__label", "architecture", "environment", "mover")


def of_case(case_id: int, user: Any) -> list[Row]:
    """Of conclusive runs that had a result as a whole, newest kernel first. One query, of totals."""
    sums: dict[tuple[str, ...], list[int]] = {}
    found = Total.objects.visible_to(user).filter(case=case_id, conclusive__gt=0).order_by(*_BY)
    for *by, worked in found.values_list(*_BY, "worked"):
        had = sums.setdefault(tuple(by), [0] * len(worked))
        sums[tuple(by)] = [a + b for a, b in zip(had, worked, strict=True)]
    rows = [(by, worked) for by, worked in sums.items() if any(worked)]
    rows.sort(key=lambda row: releases.read(row[0][0]).order, reverse=True)
    return [_row(by, worked) for by, worked in rows]


def _row(by: tuple[str, ...], worked: list[int]) -> Row:
    release, label, architecture, environment, mover = by
    return Row(
        release + (f" + {label}" if label else ""),
        architecture,
        look_up(ENVIRONMENTS, environment),
        OPERATIONS.get(mover) or look_up(MOVERS, mover),
        *(Share(*worked[place : place + 2]) for place in (0, 2, 4)),
    )
