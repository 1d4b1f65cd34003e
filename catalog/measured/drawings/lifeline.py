"""The life of a case over kernel releases: what is known of each line, and below it what each mover was seen to do.

From the text (`trees`) and the totals come marks with places; the template only writes them down. Releases stand at
equal distances, and at most COLUMNS of them: whatever labs send and editors write, a lifeline does not grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.documents.schema import CaseText
from catalog.measured import strips
from catalog.measured.overview import MEANINGS, Summary
from diagnosis.kernels import affected, releases
from diagnosis.kernels.releases import Release
from diagnosis.words.vocabulary import Word

COLUMNS = 10
EVENTS = 4
WIDTH, LEFT, RIGHT = 920, 120, 24
BAND, FIRST_ROW, ROW = 46, 76, 17
LABELS, LETTER = (24, 10), 6.9  # where labels of events stand, and how wide a letter of them is at the most
KNOWN = {
    affected.AFFECTED: ("present", "it is there"),
    affected.NOT_AFFECTED: ("absent", "it is not there"),
    affected.UNKNOWN: ("unknown", "not known"),
}
PARTLY = ("partly", "there in another state than the runs made")
SAID = dict([*KNOWN.values(), PARTLY])


@dataclass(frozen=True)
class Column:
    """A line of kernels: `state` is what the text says of its newest release, whatever was measured."""

    line: str
    x: int
    x1: int
    x2: int
    state: str
    said: str


@dataclass(frozen=True)
class Event:
    """Where it came or went: at the left edge of the column of its release. `label` is '' where it has no room."""

    x: int
    change: str
    release: str
    commit: str
    label: str = ""
    label_x: int = 0
    label_y: int = 0
    leftwards: bool = False


@dataclass(frozen=True)
class Mark:
    x: int
    y: int
    line: str
    seen: strips.Seen

    @property
    def said(self) -> str:
        runs = "1 run" if self.seen.runs == 1 else f"{self.seen.runs} runs"
        return f"{self.seen.release}: {MEANINGS[self.seen.verdict]}, {self.seen.held} of {runs} held"


@dataclass(frozen=True)
class Row:
    """One mover in one setting, which `setting` names; what it was tried in otherwise is in the evidence."""

    mover: Word
    setting: str
    y: int
    marks: tuple[Mark, ...]

    def at(self, line: str) -> Mark | None:
        return next((mark for mark in self.marks if mark.line == line), None)


@dataclass(frozen=True)
class Lifeline:
    columns: tuple[Column, ...]
    events: tuple[Event, ...]
    rows: tuple[Row, ...]
    width: int = WIDTH
    left: int = LEFT
    band: int = BAND

    @property
    def height(self) -> int:
        return FIRST_ROW + ROW * len(self.rows) + 2

    @property
    def has_partly(self) -> bool:
        return any(column.state == "partly" for column in self.columns)

    @property
    def labels_y(self) -> int:
        return BAND + 22

    @property
    def table(self) -> list[tuple[str, list[str]]]:
        """The same as rows of text: what is known, then each mover."""
        known = ("Known of it", [column.said for column in self.columns])
        marks = [(row, [row.at(column.line) for column in self.columns]) for row in self.rows]
        return [known, *((row.mover.label, [mark.said if mark else "" for mark in of]) for row, of in marks)]

    @property
    def said(self) -> str:
        """The sentence for those who do not see it."""
        parts = []
        for _, said in (*KNOWN.values(), PARTLY):
            lines = [column.line for column in self.columns if column.said == said]
            if lines:
                parts.append(f"{said} on {', '.join(lines)}")
        parts += [f"{event.change} in {event.release}" for event in self.events]
        for row in self.rows:
            seen = "; ".join(f"{MEANINGS[mark.seen.verdict]} on {mark.line}" for mark in row.marks)
            parts.append(f"{row.mover.label}: {seen}")
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."

    def as_json(self) -> dict[str, Any]:
        return {
            "lines": [{"line": column.line, "known": column.state} for column in self.columns],
            "changes": [{"change": e.change, "release": e.release, "commit": e.commit} for e in self.events],
            "movers": [
                {
                    "mover": row.mover.slug,
                    "setting": row.setting,
                    "seen": [
                        {"line": m.line, "release": m.seen.release, "held_runs": m.seen.held, "runs": m.seen.runs}
                        for m in row.marks
                    ],
                }
                for row in self.rows
            ],
        }


def lifeline(text: CaseText, summaries: Sequence[Summary]) -> Lifeline | None:
    """None where neither the text nor a measurement speaks of a line of mainline's."""
    happened = [
        change
        for change in text.trees
        if change.change in ("introduced", "fixed")
        and (change.tree == "mainline" or releases.read(change.tree).is_known)
        and change.known_by != "memory"
    ]
    seen = list(_seen(summaries))
    shown = _lines(text, [change.release or change.tree for change in happened], [one.release for _, one in seen])
    if not shown:
        return None
    changes = [
        affected.Change(c.tree, c.change, c.known_by, c.release or "", c.commit or "", c.not_run or "")
        for c in text.trees
    ]
    columns = _columns(shown, changes)
    at = {column.line: column for column in columns}
    events = []
    for change in happened:
        column = at.get(releases.read(change.release or change.tree).line)
        if column:
            release = change.release or change.tree
            events.append(Event(column.x1, change.change, release, change.commit or ""))
    return Lifeline(columns, _labelled(events[:EVENTS]), _rows(seen, at))


def _labelled(events: list[Event]) -> tuple[Event, ...]:
    """Each with its label where no other stands: in full, without its commit, or none. The table of trees has all."""
    taken: list[tuple[int, int, int]] = []
    made = []
    for event in events:
        full = f"{event.change} in {event.release[:16]}" + (f" by {event.commit[:12]}" if event.commit else "")
        choices = [(label, y) for label in (full, full.partition(" by ")[0]) for y in LABELS]
        for label, y in choices:
            width = round(len(label) * LETTER)
            leftwards = event.x + width > WIDTH
            x1 = event.x - width - 5 if leftwards else event.x + 5
            if x1 >= 0 and all(y != row or x1 + width < a or b < x1 for row, a, b in taken):
                taken.append((y, x1, x1 + width))
                event = replace(event, label=label, label_x=event.x + (-5 if leftwards else 5), label_y=y)
                event = replace(event, leftwards=leftwards)
                break
        made.append(event)
    return tuple(made)


def _seen(summaries: Iterable[Summary]) -> Iterable[tuple[strips.Setting, strips.Seen]]:
    """What was conclusive on kernels that people run: a candidate fix has no place in the life of releases."""
    for one in summaries:
        if one.conclusive and not one.build.label:
            setting = strips.Setting(one.mover.slug, one.area.slug, one.environment.slug, one.architecture, one.kind)
            yield setting, strips.Seen(one.build.release, one.held, one.conclusive)


def _lines(text: CaseText, happened: list[str], measured: list[str]) -> list[str]:
    """Where something changed comes first, then what was measured, then what was only looked up; shown in order."""
    ranked = [happened, strips.lines([releases.read(one) for one in measured]), [c.tree for c in text.trees]]
    ranked.append([c.release for c in text.trees if c.release])
    bases: dict[tuple[int, int], str] = {}
    for names in ranked:
        for read in sorted((releases.read(name) for name in names), key=lambda one: one.order, reverse=True):
            if read.is_known and not read.vendor and (len(bases) < COLUMNS or read.base in bases):
                bases.setdefault(read.base, read.line)
    return [bases[base] for base in sorted(bases)]


def _columns(lines: list[str], changes: Sequence[affected.Change]) -> tuple[Column, ...]:
    step = (WIDTH - LEFT - RIGHT) // len(lines)
    made = []
    for n, line in enumerate(lines):
        state = state_of(changes, line)
        x1 = LEFT + n * step
        made.append(Column(line, x1 + step // 2, x1, x1 + step, state, SAID[state]))
    return tuple(made)


def state_of(changes: Sequence[affected.Change], line: str) -> str:
    """What the text says of the newest release of this line, whatever was measured: a word of SAID."""
    state, _ = KNOWN[affected.answer(_newest_of(line), (), changes).verdict]
    if state == "present" and any(c.not_run and c.change == "present" and c.tree == line for c in changes):
        return PARTLY[0]
    return state


def _newest_of(line: str) -> Release:
    return releases.read(f"{line}.{10**6 - 1}")


def _rows(seen: list[tuple[strips.Setting, strips.Seen]], at: dict[str, Column]) -> tuple[Row, ...]:
    made: list[Row] = []
    for strip in strips.by_mover(seen, list(at)):
        y = FIRST_ROW + ROW * len(made) + ROW // 2
        marks = tuple(Mark(at[cell.line].x, y, cell.line, cell.seen) for cell in strip.cells if cell.seen)
        if marks and strip.mover and strip.setting:
            made.append(Row(strip.mover, strip.setting.said, y, marks))
    return tuple(made)
