"""Evidence as a grid: who tried to move it, by the builds on which they did. One cell is never two settings pooled.

At most PLACES columns and ROWS rows, whatever labs send: first the newest build of each line that is kept for years and
of the newest line, then what is newest of the rest. A build with a label stands with the way out that it tries, and
here where there is no other; so does a row of which no run says anything. What is left out is counted, and stands in
the table below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.measured import strips
from catalog.measured.drawings.freed import Freed, freed
from catalog.measured.overview import Summary
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import HELD, OPERATIONS, Word

PLACES, ROWS = 4, 8


@dataclass(frozen=True)
class Cell:
    """What one row saw in one place; `summary` is None where it was not tried."""

    summary: Summary | None

    @property
    def said(self) -> str:
        """'5/5 hangs', '0/5', '3/5'; '' where no run was conclusive."""
        one = self.summary
        if one is None or not one.conclusive:
            return ""
        held = [word.label for word, _ in one.outcomes if word.slug in HELD]
        how = f" {held[0]}" if len(held) == 1 else ""
        return f"{one.held}/{one.conclusive}{how}"

    @property
    def nr_aside(self) -> int:
        return sum(runs for _, runs in self.summary.aside) if self.summary else 0

    @property
    def operation(self) -> tuple[str, int, int] | None:
        """What the mover's work is for as a whole, in how many runs it worked while the folio was held, of how many."""
        one = self.summary
        word = OPERATIONS.get(one.mover.slug) if one else None
        if one is None or word is None or len(one.worked) < 4 or not one.worked[3]:
            return None
        return word.label, one.worked[2], one.worked[3]


@dataclass(frozen=True)
class Row:
    mover: Word
    area: Word
    kind: str
    cells: tuple[Cell, ...]
    freed: Freed | None


@dataclass(frozen=True)
class Column:
    build: Any
    architecture: str
    environment: Word


@dataclass(frozen=True)
class Grid:
    places: tuple[Column, ...]
    rows: tuple[Row, ...]
    nr_runs: int
    nr_left_out: int
    """Summaries that have no cell here."""

    @property
    def has_times(self) -> bool:
        return any(row.freed for row in self.rows)

    @property
    def has_operations(self) -> bool:
        return any(cell.operation for row in self.rows for cell in row.cells)

    def as_json(self) -> dict[str, Any]:
        return {
            "builds": [
                {"release": str(p.build), "architecture": p.architecture, "environment": p.environment.slug}
                for p in self.places
            ],
            "rows": [
                {
                    "mover": row.mover.slug,
                    "area": row.area.slug,
                    "kind": row.kind,
                    "cells": [
                        {"held_runs": c.summary.held, "conclusive_runs": c.summary.conclusive} if c.summary else None
                        for c in row.cells
                    ],
                    **({"freed": row.freed.as_json()} if row.freed else {}),
                }
                for row in self.rows
            ],
        }


def grid(summaries: Sequence[Summary]) -> Grid:
    places = _places(summaries)
    by_key = {(one.place, *_row_key(one)): one for one in summaries}
    rows = []
    for key in _row_keys(summaries, places):
        found = tuple(by_key.get((place, *key)) for place in places)
        first = next(one for one in found if one)
        rows.append(Row(first.mover, first.area, first.kind, tuple(map(Cell, found)), _freed(found)))
    shown = sum(cell.summary is not None for row in rows for cell in row.cells)
    heads = {one.place: Column(one.build, one.architecture, one.environment) for one in summaries}
    nr_runs = sum(one.runs for one in summaries)
    return Grid(tuple(heads[place] for place in places), tuple(rows), nr_runs, len(summaries) - shown)


def _row_key(one: Summary) -> tuple[str, str, str]:
    return one.mover.slug, one.area.slug, one.kind


def _row_keys(summaries: Sequence[Summary], places: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Runs with a control first, then movers in the order in which strips prefer them."""
    order = {mover: n for n, mover in enumerate(strips.PREFERRED)}
    shown = [one for one in summaries if one.place in places]
    keys = {_row_key(one) for one in [one for one in shown if one.conclusive] or shown}
    return sorted(keys, key=lambda key: (key[2] != "run", order.get(key[0], len(order)), key))[:ROWS]


def _places(summaries: Sequence[Summary]) -> list[tuple[str, str, str]]:
    """Oldest kernel first. A place counts for more if something conclusive was seen there."""
    newest: dict[tuple[str, str, str], tuple[int, ...]] = {}
    conclusive: dict[tuple[str, str, str], int] = {}
    summaries = [one for one in summaries if not one.build.label] or summaries
    for one in summaries:
        newest[one.place] = releases.read(one.build.release).order
        conclusive[one.place] = conclusive.get(one.place, 0) + one.conclusive
    kept = strips.lines([releases.read(one.build.release) for one in summaries if not one.build.label])
    leading: set[tuple[str, str, str]] = set()
    for line in kept:
        of_line = [
            one.place
            for one in summaries
            if not one.build.label and releases.read(one.build.release).line == line and conclusive[one.place]
        ]
        if of_line:
            leading.add(max(of_line, key=lambda place: (newest[place], conclusive[place], place)))
    ranked = sorted(newest, key=lambda p: (p in leading, conclusive[p] > 0, newest[p], p), reverse=True)[:PLACES]
    return sorted(ranked, key=lambda place: (newest[place], place))


def _freed(found: Sequence[Summary | None]) -> Freed | None:
    """Of the newest build on which it was held and timed."""
    for one in reversed(found):
        if one is not None and (made := freed(str(one.build), one.histogram)):
            return made
    return None
