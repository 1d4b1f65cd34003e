"""The list of cases in the browser: figures, facets, and the table grouped by mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.measured.strips import Strip
from catalog.models import Case, Effect
from catalog.models.cases import OPEN
from catalog.pages import facets
from catalog.text import export_formats
from diagnosis.words.vocabulary import AREAS, CONTROLLERS, EFFECTS, MECHANISMS, TIME_BOUNDS, Word, look_up, rank

# By how well it is known. What this site has no word for looks like what is known least.
LOOKS = {"measured": "yes", "reported": "part", "reasoned": "slight"}
MARKED = ("cma_allocation", "hotunplug", "compaction")


@dataclass(frozen=True)
class Mark:
    """Whether and how well it is known that a case breaks one thing."""

    effect: Word
    known: Effect | None

    @property
    def look(self) -> str:
        return LOOKS.get(self.known.standing, "slight") if self.known else "no"

    @property
    def said(self) -> str:
        if self.known is None:
            return f"{self.effect.label}: not known"
        return f"{self.effect.label}: {self.known.manner_word.label} ({self.known.standing_word.label})"


@dataclass(frozen=True)
class Row:
    case: Case
    marks: list[Mark]
    strip: Strip


@dataclass(frozen=True)
class Figures:
    """Never a lump sum: each says what it counts."""

    open: int
    no_cases: int
    unprivileged: int
    held_on_newest: int
    newest: str
    fixed: int


def cases(request: HttpRequest) -> HttpResponse:
    found = facets.find(request.GET, request.user)
    if found.ignored and "format" in request.GET:
        raise BadRequest(f"No filter or choice of this list: {', '.join(found.ignored)}.")
    rows = [row(case, found.strips[case.pk]) for case in found.cases]
    rows.sort(key=lambda row: rank(MECHANISMS, row.case.mechanism))
    if made := export_formats.answer(request, lambda: exported(rows, _asked(found), request.get_full_path())):
        return made
    page = {
        "found": found,
        "groups": [
            (look_up(MECHANISMS, slug), list(g)) for slug, g in groupby(rows, key=lambda row: row.case.mechanism)
        ],
        "figures": _figures(found.everything, found.strips),
        "marked": marked(),
        "here": "cases",
    }
    return render(request, "catalog/cases.html", page)


def row(case: Case, strip: Strip) -> Row:
    known = {effect.effect: effect for effect in case.effects.all()}
    return Row(case, [Mark(look_up(EFFECTS, slug), known.get(slug)) for slug in MARKED], strip)


def marked() -> list[Word]:
    """What the columns of the table ask of a case."""
    return [look_up(EFFECTS, slug) for slug in MARKED]


def _figures(everything: list[Case], shown: dict[int, Strip]) -> Figures:
    """Counted is what the facets count, so that they add up; what is no case among it is said beside it."""
    open_ = [case for case in everything if case.status in OPEN]
    newest = next((strip.newest for strip in shown.values()), "")
    return Figures(
        open=len(open_),
        no_cases=sum(case.kind != "case" for case in open_),
        unprivileged=sum("unprivileged_user" in case.controllers for case in open_),
        held_on_newest=sum(case.kind == "case" and shown[case.pk].is_held_on_newest for case in everything),
        newest=newest,
        fixed=sum(case.status == "fixed" for case in everything),
    )


def _asked(found: facets.Found) -> str:
    said = [found.words] if found.words else []
    said += [c.label for facet in found.facets for c in facet.choices if c.chosen]
    return "Cases" + (f": {', '.join(said)}" if said else "")


COLUMNS = {
    "case": "case",
    "title": "title",
    "status": "status",
    "kind": "kind",
    "mechanism": "mechanism",
    "controllers": "held by",
    "time_bound": "bound in time",
    "areas": "areas",
    "effects": "breaks",
    "subsystems": "subsystems",
    "mover": "measured by",
    "measured": "measured on",
    "url": "address",
}


def exported(rows: list[Row], title: str, path: str) -> export_formats.Export:
    """A table, and a slide, for each mechanism."""
    by_mechanism: dict[str, list[export_formats.Row]] = {}
    for one in rows:
        by_mechanism.setdefault(one.case.mechanism, []).append(_exported(one))
    on_slides = ("title", "controllers", "effects", "measured", "status")
    tables = [
        export_formats.Table(look_up(MECHANISMS, m).label, COLUMNS, made, on_slides) for m, made in by_mechanism.items()
    ]
    return export_formats.Export(
        "cases", title, path, tables or [export_formats.Table("No case matches", COLUMNS, [], on_slides)]
    )


def _exported(one: Row) -> export_formats.Row:
    case = one.case
    return {
        "case": case.slug,
        "title": case.title,
        "status": case.status_word.label,
        "kind": case.kind_word.label,
        "mechanism": case.mechanism_word.label,
        "controllers": [look_up(CONTROLLERS, slug).label for slug in case.controllers],
        "time_bound": look_up(TIME_BOUNDS, case.time_bound).label,
        "areas": [look_up(AREAS, slug).label for slug in case.areas],
        "effects": [
            f"{e.effect_word.label}: {e.manner_word.label} ({e.standing_word.label})" for e in case.effects.all()
        ],
        "subsystems": [subsystem.name for subsystem in case.subsystems.all()],
        "mover": one.strip.mover.label if one.strip.mover else "",
        "measured": [f"{cell.glyph} {cell.line}" for cell in one.strip.cells if cell.seen],
        "url": settings.SITE_URL + case.get_absolute_url(),
    }
