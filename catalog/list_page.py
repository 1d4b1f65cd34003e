"""The list of cases in the browser: figures, facets, and the table grouped by mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog import finding, measured
from catalog.models import Case, Effect
from catalog.models.cases import OPEN
from diagnosis.vocabulary import EFFECTS, MECHANISMS, Word

MARKED = ("cma_allocation", "hotunplug", "compaction")


@dataclass(frozen=True)
class Mark:
    """Whether and how well it is known that a case breaks one thing."""

    effect: Word
    known: Effect | None

    @property
    def look(self) -> str:
        return (
            {"measured": "yes", "reported": "part", "reasoned": "slight"}[self.known.standing] if self.known else "no"
        )

    @property
    def said(self) -> str:
        if self.known is None:
            return f"{self.effect.label}: not known"
        return f"{self.effect.label}: {self.known.manner_word.label} ({self.known.standing_word.label})"


@dataclass(frozen=True)
class Row:
    case: Case
    marks: list[Mark]
    strip: list[measured.Cell]


@dataclass(frozen=True)
class Figures:
    """Never a lump sum: each says what it counts."""

    open: int
    unprivileged: int
    held_on_newest: int
    newest: str
    fixed: int


def cases(request: HttpRequest) -> HttpResponse:
    found = finding.find(request.GET, request.user)
    order = list(MECHANISMS)
    rows = [_row(case, found.strips[case.pk]) for case in found.cases]
    rows.sort(key=lambda row: order.index(row.case.mechanism))
    page = {
        "found": found,
        "groups": [(MECHANISMS[slug], list(g)) for slug, g in groupby(rows, key=lambda row: row.case.mechanism)],
        "figures": _figures(found.everything, found.strips),
        "marked": [EFFECTS[slug] for slug in MARKED],
        "here": "cases",
    }
    return render(request, "catalog/cases.html", page)


def _row(case: Case, strip: list[measured.Cell]) -> Row:
    known = {effect.effect: effect for effect in case.effects.all()}
    return Row(case, [Mark(EFFECTS[slug], known.get(slug)) for slug in MARKED], strip)


def _figures(everything: list[Case], strips: dict[int, list[measured.Cell]]) -> Figures:
    real = [case for case in everything if case.kind == "case"]
    open_ = [case for case in real if case.status in OPEN]
    lines = next(iter(strips.values()), [])
    newest = lines[-1].line if lines else ""
    held = [case for case in real if strips[case.pk] and strips[case.pk][-1].verdict in ("held", "mixed")]
    return Figures(
        open=len(open_),
        unprivileged=sum("unprivileged_user" in case.controllers for case in open_),
        held_on_newest=len(held),
        newest=newest,
        fixed=sum(case.status == "fixed" for case in real),
    )
