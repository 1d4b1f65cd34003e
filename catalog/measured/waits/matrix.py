"""Who waits for what: states of a folio against who moves it, for each line of kernels. Read from data/waits/.

A cell is what somebody read in the source, with file, function and line of one tree; what was measured is joined from
the evidence of the site (`evidence.py`), so that no number is copied by hand. Nothing here asks a database.

    Unsound         what stands in data/waits/ does not fit together; says where
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from diagnosis.words.vocabulary import MOVERS

FOLDER = Path(__file__).parents[3] / "data" / "waits"


@dataclass(frozen=True)
class Outcome:
    """`agrees`: what a run says (vocabulary.OUTCOMES) that saw the same. Nothing where no run can see it."""

    slug: str
    label: str
    glyph: str
    meaning: str
    agrees: frozenset[str] = frozenset()


def _outcomes(*rows: Outcome) -> Mapping[str, Outcome]:
    return {row.slug: row for row in rows}


OUTCOMES = _outcomes(
    Outcome(
        "sleeps", "sleeps", "●", "It sleeps, in D and without a limit, until the folio is let go.", frozenset({"hangs"})
    ),
    Outcome("retries", "retries", "◍", "It tries again without end; a signal stops it.", frozenset({"refuses"})),
    Outcome("gives_up", "gives up", "◐", "It tries, fails, and goes on or returns.", frozenset({"refuses"})),
    Outcome("skips", "skips", "◌", "It passes the folio by without trying.", frozenset({"refuses"})),
    Outcome("moves", "moves", "○", "The folio is moved.", frozenset({"moves"})),
    Outcome(
        "moved_before", "left before", "○", "The folio left this memory when it was held.", frozenset({"leaves_first"})
    ),
    Outcome("not_met", "never meets", "·", "It never comes to such a folio."),
    Outcome("unknown", "unknown", "?", "Nobody has read it yet."),
)


class Unsound(Exception):
    pass


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KernelWords(_Read):
    """In tracepoints and in the source: enum migrate_reason, enum migrate_mode. `reason` is '' where none is used."""

    reason: str
    mode: str


class Hold(_Read):
    """What a sleeper of this mover keeps from others, and the reading that says so."""

    what: str
    because: str


class Mover(_Read):
    """`measured_by`: the mover's word in reports, '' where no probe has it."""

    slug: str
    label: str
    kernel: KernelWords
    about: str
    measured_by: str = ""
    holds: tuple[Hold, ...] = ()
    behind: str

    @model_validator(mode="after")
    def _known(self) -> Mover:
        if self.measured_by and self.measured_by not in MOVERS:
            raise ValueError(f"measured_by: {self.measured_by!r} is no mover of reports")
        return self


class MadeBy(_Read):
    """A case whose runs make this state; on these lines of kernels alone, or with these movers of reports alone, where
    that differs: netfs-unresponsive-server holds what the mover can name."""

    case: str
    kernels: tuple[str, ...] = ()
    movers: tuple[str, ...] = ()
    not_by: tuple[str, ...] = ()

    def holds_on(self, line: str, mover: str) -> bool:
        """`mover`: the word of reports."""
        return (
            (not self.kernels or line in self.kernels)
            and (not self.movers or mover in self.movers)
            and mover not in self.not_by
        )

    @model_validator(mode="after")
    def _known(self) -> MadeBy:
        for mover in (*self.movers, *self.not_by):
            if mover not in MOVERS:
                raise ValueError(f"made_by: {mover!r} is no mover of reports")
        return self


class State(_Read):
    """`also`: cases that are in this state, of which no run here is one of it."""

    slug: str
    label: str
    about: str
    made_by: tuple[MadeBy, ...] = ()
    also: tuple[str, ...] = ()


class Said(_Read):
    """One line of the file: what happens in a state to some movers, on these lines of kernels or on all."""

    state: str
    movers: tuple[str, ...]
    outcome: str
    because: tuple[str, ...]
    kernels: tuple[str, ...] = ()
    note: str = ""


class _Matrix(_Read):
    kernels: tuple[str, ...]
    movers: tuple[Mover, ...]
    states: tuple[State, ...]
    cells: tuple[Said, ...]


@dataclass(frozen=True)
class Reading:
    """Where something stands in the tree of one line of kernels, found there by machine."""

    slug: str
    says: str
    file: str
    function: str
    line: int
    release: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line} {self.function}()"


@dataclass(frozen=True)
class Cell:
    outcome: Outcome
    because: tuple[Reading, ...] = ()
    note: str = ""


_UNKNOWN = Cell(OUTCOMES["unknown"])


@dataclass(frozen=True)
class Matrix:
    """`releases`: which tree was read for each line."""

    kernels: tuple[str, ...]
    releases: Mapping[str, str]
    movers: tuple[Mover, ...]
    states: tuple[State, ...]
    cells: Mapping[tuple[str, str, str], Cell]
    readings: Mapping[tuple[str, str], Reading]

    def cell(self, line: str, state: str, mover: str) -> Cell:
        return self.cells.get((line, state, mover), _UNKNOWN)

    def holds(self, line: str, mover: Mover) -> list[tuple[Hold, Reading]]:
        """What a sleeper keeps from others on this line; what its tree does not have is left out."""
        found = ((hold, self.readings.get((line, hold.because))) for hold in mover.holds)
        return [(hold, reading) for hold, reading in found if reading is not None]

    def sleepers(self, line: str) -> list[Mover]:
        """Who can be made to sleep, by any state."""
        sleeps = OUTCOMES["sleeps"]
        return [m for m in self.movers if any(self.cell(line, s.slug, m.slug).outcome is sleeps for s in self.states)]


@cache
def matrix() -> Matrix:
    def read(name: str) -> Any:
        return (FOLDER / name).read_text(encoding="utf-8")

    return sound(
        yaml.safe_load(read("matrix.yaml")), yaml.safe_load(read("readings.yaml")), json.loads(read("lines.json"))
    )


def sound(said: Any, readings: Any, lines: Any) -> Matrix:
    """Raises Unsound where a name leads nowhere, a cell is said twice, or a reading has no line in its tree."""
    try:
        given = _Matrix.model_validate(said)
    except ValidationError as error:
        raise Unsound(str(error)) from None
    known = _known(readings, lines, given.kernels)
    states, movers = {one.slug for one in given.states}, {one.slug for one in given.movers}
    cells: dict[tuple[str, str, str], Cell] = {}
    for one in given.cells:
        if one.state not in states or not movers.issuperset(one.movers) or one.outcome not in OUTCOMES:
            raise Unsound(f"no such state, mover or outcome: {one}")
        if not one.because:
            raise Unsound(f"a cell without a source: {one}")
        for line in one.kernels or given.kernels:
            for mover in one.movers:
                key = (line, one.state, mover)
                if key in cells:
                    raise Unsound(f"said twice: {key}")
                try:
                    because = tuple(known[line, name] for name in one.because)
                except KeyError as error:
                    raise Unsound(f"{key}: the tree of that line has no line for {error}") from None
                cells[key] = Cell(OUTCOMES[one.outcome], because, one.note)
    releases = {line: lines[line]["release"] for line in given.kernels}
    return Matrix(given.kernels, releases, given.movers, given.states, cells, known)


def _known(readings: Any, lines: Any, kernels: tuple[str, ...]) -> dict[tuple[str, str], Reading]:
    found = {}
    for line in kernels:
        tree = lines[line]
        for name, place in tree["readings"].items():
            if name in readings["readings"]:
                says = readings["readings"][name]["says"]
                found[line, name] = Reading(
                    name, says, place["file"], place["function"], place["line"], tree["release"]
                )
    return found
