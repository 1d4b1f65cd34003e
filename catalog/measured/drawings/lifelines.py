"""All cases over kernel releases, a thin line each: since when each is there, where it was measured, where fixed.

The same marks as on the page of a case. Releases stand at equal distances, at most COLUMNS of them, and what changed in
a release that has no column stands between its neighbours. One mover at a time: what another did is a small mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

from catalog.measured import strips
from catalog.measured.asked.affected import changes
from catalog.measured.drawings.lifeline import SAID, state_of
from catalog.models import Case
from diagnosis.kernels import releases
from diagnosis.kernels.affected import Change
from diagnosis.kernels.releases import Release
from diagnosis.words.vocabulary import MOVERS, Word, look_up

COLUMNS, MOST = 12, 100
LEFT, STEP, ROW, HEAD = 270, 64, 19, 26  # of names, a column, a row and the heads of columns, in pixels
APART = 9  # of two ticks that stand at one edge
Base = tuple[int, int]


@dataclass(frozen=True)
class Tick:
    """Where it came or went: at the left edge of the first column that is not older."""

    change: str
    release: str
    column: int
    x: int


@dataclass(frozen=True)
class Mark:
    x: int
    cell: strips.Cell


@dataclass(frozen=True)
class Life:
    case: Case
    y: int
    states: tuple[str, ...]
    ticks: tuple[Tick, ...]
    strip: strips.Strip

    @property
    def marks(self) -> list[Mark]:
        return [Mark(_middle(n), cell) for n, cell in enumerate(self.strip.cells) if cell.verdict != "none"]

    @property
    def known(self) -> dict[str, str]:
        """For the table: what is known, and of which lines."""
        told: dict[str, list[str]] = {}
        for state, cell in zip(self.states, self.strip.cells, strict=True):
            told.setdefault(state, []).append(cell.line)
        return {SAID[state]: ", ".join(lines) for state, lines in told.items() if state != "unknown"}

    @property
    def seen(self) -> list[strips.Cell]:
        return [cell for cell in self.strip.cells if cell.seen]

    @property
    def said(self) -> str:
        """'introduced in 6.16, fixed in 6.18.3'"""
        return ", ".join(f"{tick.change} in {tick.release}" for tick in self.ticks)


@dataclass(frozen=True)
class Lifelines:
    lines: tuple[str, ...]
    lives: tuple[Life, ...]
    mover: str
    movers: tuple[Word, ...]
    nr_left_out: int

    @property
    def heads(self) -> list[tuple[str, int]]:
        return [(line, _middle(n)) for n, line in enumerate(self.lines)]

    @property
    def bands(self) -> dict[str, str]:
        """By state: a path along every line and column of which it is known. Neighbours are drawn in one stroke."""
        made: dict[str, list[str]] = {}
        for life in self.lives:
            x = LEFT
            for state, same in groupby(life.states):
                x1, x = x, x + STEP * len(list(same))
                made.setdefault(state, []).append(f"M{x1} {life.y}H{x}")
        return {state: "".join(strokes) for state, strokes in made.items()}

    @property
    def rules(self) -> str:
        return "".join(f"M{x} {HEAD - 6}V{self.height}" for _, x in self.heads)

    @property
    def width(self) -> int:
        return LEFT + STEP * len(self.lines)

    @property
    def height(self) -> int:
        return HEAD + ROW * len(self.lives) + 4

    @property
    def said(self) -> str:
        """For whoever does not see the drawing."""
        ticks = [tick.change for life in self.lives for tick in life.ticks]
        held = sum(any(mark.cell.verdict in ("held", "mixed") for mark in life.marks) for life in self.lives)
        return (
            f"{len(self.lives)} cases over {', '.join(self.lines)}: {ticks.count('introduced')} times it is known "
            f"where one began, {ticks.count('fixed')} times where it was fixed; {held} were seen to hold a folio. "
            f"The table below has each."
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "lines": list(self.lines),
            "results": [
                {
                    "case": life.case.slug,
                    "known": dict(zip(self.lines, life.states, strict=True)),
                    "changes": [{"change": tick.change, "release": tick.release} for tick in life.ticks],
                    "mover": life.strip.setting.mover if life.strip.setting else None,
                    "seen": [
                        {"line": c.line, "release": c.seen.release, "held_runs": c.seen.held, "runs": c.seen.runs}
                        for c in life.strip.cells
                        if c.seen
                    ],
                }
                for life in self.lives
            ],
        }


def lifelines(cases: Iterable[Case], mover: str = "") -> Lifelines:
    """Of these cases, which come with their texts, those of which anything is known; the oldest first. One query.

    `mover`: whose runs are marked; '' for each case's own, the one that was tried on most lines.
    """
    known = {case: tuple(changes(case)) for case in cases}
    found = strips.strips(known, mover, lambda measured: _lines(known.values(), measured))
    drawn = [case for case in known if known[case] or found[case.pk].lines]
    drawn.sort(key=lambda case: (not _turns(known[case]), -len(found[case.pk].lines), -len(known[case])))
    drawn, left_out = drawn[:MOST], drawn[MOST:]
    drawn.sort(key=lambda case: (_birth(known[case]), case.name.casefold()))
    shown = tuple(cell.line for cell in found[drawn[0].pk].cells) if drawn else ()
    bases = [releases.read(line).base for line in shown]
    lives = tuple(_life(case, n, known[case], shown, bases, found[case.pk]) for n, case in enumerate(drawn))
    movers = {one for strip in found.values() for one in strip.movers}
    ordered = [one for one in strips.PREFERRED if one in movers] + sorted(movers - set(strips.PREFERRED))
    return Lifelines(
        shown, lives, mover, tuple(look_up(MOVERS, one) for one in ordered if one in MOVERS), len(left_out)
    )


def _life(
    case: Case, n: int, known: tuple[Change, ...], shown: tuple[str, ...], bases: list[Base], strip: strips.Strip
) -> Life:
    ticks: list[Tick] = []
    for one in _turns(known):
        column = sum(base < one.base for base in bases)
        beside = sum(tick.column == column for tick in ticks)
        ticks.append(Tick(one.change, one.release, column, LEFT + STEP * column + APART * beside))
    return Life(case, HEAD + ROW * n + ROW // 2, _states(known, shown), tuple(ticks), strip)


@lru_cache(maxsize=2048)  # a text says the same of a line until somebody edits it
def _states(known: tuple[Change, ...], lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(state_of(known, line) for line in lines)


@dataclass(frozen=True)
class Turn:
    """Something that a history says of its coming or going."""

    change: str
    release: str
    base: Base


@lru_cache(maxsize=2048)
def _turns(known: tuple[Change, ...]) -> tuple[Turn, ...]:
    """In upstream's lines, as far as it was checked; the oldest first."""
    turns = [(one, releases.read(one.release or one.tree)) for one in known if one.change in ("introduced", "fixed")]
    turns.sort(key=lambda turn: turn[1].order)
    return tuple(
        Turn(one.change, read.raw, read.base)
        for one, read in turns
        if one.is_checked and read.is_known and not read.vendor
    )


def _birth(known: tuple[Change, ...]) -> Base:
    """Of which nobody knows since when, it comes before all others."""
    return min((one.base for one in _turns(known) if one.change == "introduced"), default=(0, 0))


def _lines(known: Iterable[tuple[Change, ...]], measured: Iterable[Release]) -> list[str]:
    """The newest measured, those kept for years, others that were measured, then where most changed; in order."""
    turned = Counter(one.base for of in known for one in _turns(of))
    plain = {r.base: r.line for r in measured if r.is_known and not r.vendor and not r.is_candidate}
    names = {base: f"{base[0]}.{base[1]}" for base in turned} | plain

    def worth(base: Base) -> tuple[bool, bool, bool, int, Base]:
        is_kept = names[base] in releases.LONGTERM
        return base == max(plain, default=None), is_kept, base in plain, turned[base], base

    return [names[base] for base in sorted(sorted(names, key=worth, reverse=True)[:COLUMNS])]


def _middle(column: int) -> int:
    return LEFT + STEP * column + STEP // 2
