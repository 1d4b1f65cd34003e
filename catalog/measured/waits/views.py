"""`/waits/`: who waits for what, on one line of kernels or on two side by side. `/waits/STATE/`: why, for one row."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.measured.waits.boots import boots
from catalog.measured.waits.evidence import Key, Measured, agrees, measured
from catalog.measured.waits.matrix import OUTCOMES, Cell, Matrix, Mover, State, matrix
from catalog.measured.waits.spread import spread
from catalog.models import Case
from catalog.text import export_formats


@dataclass(frozen=True)
class Shown:
    """A cell of a page: what was read, what was measured, and whether the two agree (None: nothing to compare)."""

    line: str
    mover: Mover
    read: Cell
    measured: tuple[Measured, ...]

    @property
    def agrees(self) -> bool | None:
        return agrees(self.read, self.measured)

    @property
    def nr_conclusive(self) -> int:
        return sum(one.conclusive for one in self.measured)

    @property
    def known_by(self) -> str:
        if self.nr_conclusive:
            return "measured" if self.agrees is not False else "disputed"
        return "read" if self.read.because else ""


@dataclass(frozen=True)
class Row:
    """`cells`: for each mover, one for each line of kernels that is shown."""

    state: State
    cells: tuple[tuple[Shown, ...], ...]


def waits(request: HttpRequest) -> HttpResponse:
    """One query, however many cells there are."""
    one = matrix()
    lines = _lines(request, one)
    seen = measured(one, request.user)
    rows = [row(one, state, lines, seen) for state in one.states]
    if made := export_formats.answer(request, lambda: exported(one, rows, request.path)):
        return made
    page = {
        **_shown_of(one, lines),
        "rows": rows,
        "outcomes": [outcome for outcome in OUTCOMES.values() if outcome.slug in _used(rows)],
        "spread": spread(one, lines[0]),
        "nr_cells": sum(len(cells) for row in rows for cells in row.cells),
        "nr_measured": sum(bool(cell.nr_conclusive) for row in rows for cells in row.cells for cell in cells),
        "nr_unknown": sum(not cell.read.because for row in rows for cells in row.cells for cell in cells),
        "disputed": [(row.state, c) for row in rows for cells in row.cells for c in cells if c.agrees is False],
    }
    return render(request, "catalog/waits/matrix.html", page)


def state_of_a_folio(request: HttpRequest, slug: str) -> HttpResponse:
    """One row: what was read where, and which runs saw it, in how many boots. Three queries."""
    one = matrix()
    state = next((state for state in one.states if state.slug == slug), None)
    if state is None:
        raise Http404(f"No state of a folio is called {slug[:40]!r}.")
    lines = _lines(request, one)
    making = {made.case for made in state.made_by}
    named = making | set(state.also)
    page = {
        **_shown_of(one, lines),
        "row": row(one, state, lines, measured(one, request.user, boots(making, request.user))),
        "cases": {case.slug: case for case in Case.objects.visible_to(request.user).filter(slug__in=named)},
    }
    return render(request, "catalog/waits/state.html", page)


def _shown_of(one: Matrix, lines: list[str]) -> dict[str, object]:
    return {
        "matrix": one,
        "lines": lines,
        "asked": "&beside=".join(lines),
        "releases": [(line, one.releases[line]) for line in lines],
        "others": [line for line in reversed(one.kernels) if line not in lines],
        "here": "kernels",
    }


def row(one: Matrix, state: State, lines: list[str], seen: dict[Key, list[Measured]]) -> Row:
    cells = []
    for mover in one.movers:
        shown = (
            Shown(
                line, mover, one.cell(line, state.slug, mover.slug), tuple(seen.get((line, state.slug, mover.slug), ()))
            )
            for line in lines
        )
        cells.append(tuple(shown))
    return Row(state, tuple(cells))


def _lines(request: HttpRequest, one: Matrix) -> list[str]:
    """The newest, or the one that is asked for, and another beside it."""
    wanted = [request.GET.get("kernel") or one.kernels[-1], request.GET.get("beside") or ""]
    for line in filter(None, wanted):
        if line not in one.kernels:
            raise BadRequest(f"kernel: expected one of {', '.join(one.kernels)}, found {line[:40]!r}.")
    return list(dict.fromkeys(filter(None, wanted)))


def _used(rows: list[Row]) -> set[str]:
    return {cell.read.outcome.slug for row in rows for cells in row.cells for cell in cells}


def exported(one: Matrix, rows: list[Row], path: str) -> export_formats.Export:
    columns = {
        "kernel": "Kernel",
        "state": "State",
        "mover": "Mover",
        "reason": "migrate_reason",
        "mode": "migrate_mode",
        "outcome": "What happens",
        "read": "Read in the source",
        "measured": "Measured",
        "note": "Note",
    }
    made = [
        {
            "kernel": cell.line,
            "state": row.state.slug,
            "mover": cell.mover.slug,
            "reason": cell.mover.kernel.reason,
            "mode": cell.mover.kernel.mode,
            "outcome": cell.read.outcome.slug,
            "read": [reading.place for reading in cell.read.because],
            "measured": [f"{m.case}: {m.said} on {m.release}" for m in cell.measured if m.conclusive],
            "note": cell.read.note,
        }
        for row in rows
        for cells in row.cells
        for cell in cells
    ]
    table = export_formats.Table("Who waits for what", columns, made, ("kernel", "state", "mover", "outcome"))
    return export_formats.Export("waits", "Who waits for what", path, [table], data={"releases": dict(one.releases)})
