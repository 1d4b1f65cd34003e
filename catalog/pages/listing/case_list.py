"""The list of cases in the browser: two doors, filters, and the table, one line a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.measured.strips import Strip
from catalog.models import Case, Effect
from catalog.pages.listing import facets, orders
from catalog.text import export_formats
from diagnosis.words.vocabulary import AREAS, CONTROLLERS, EFFECTS, KINDS, MECHANISMS, TIME_BOUNDS, Word, look_up, rank

MARKED = ("hotunplug", "cma_allocation", "compaction", "numa_move")
HEADS = {"hotunplug": "unplug", "cma_allocation": "CMA", "compaction": "comp.", "numa_move": "NUMA"}
# What happens, in one letter. How well it is known is the look of the box around it: so both survive without colour.
LETTERS = {"sleeps_in_d": "D", "retries_without_progress": "↻", "rejected_at_once": "✕", "degraded": "↓"}
LOOKS = ("measured", "reported", "reasoned")
WHO: Mapping[str, str] = {
    "unprivileged_user": "any user",
    "privileged_user": "root",
    "remote_server": "server",
    "device": "device",
    "guest": "guest",
    "kernel": "kernel",
}


@dataclass(frozen=True)
class Mark:
    """What happens to one thing that a case breaks, and how well that is known."""

    effect: Word
    known: Effect | None

    @property
    def letter(self) -> str:
        return LETTERS.get(self.known.manner, "?") if self.known else "·"

    @property
    def look(self) -> str:
        """What this site has no word for looks like what is known least."""
        if self.known is None:
            return "unknown"
        return self.known.standing if self.known.standing in LOOKS else "reasoned"

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

    @property
    def who(self) -> list[tuple[str, str]]:
        """Anybody first: where the column is narrow, that is what may not be cut off."""
        return [(slug, WHO.get(slug, slug)) for slug in sorted(self.case.controllers, key=lambda s: rank(WHO, s))]


@dataclass(frozen=True)
class Head:
    """A column of the list, and the order that its name leads to."""

    label: str
    said: str
    order: orders.Choice | None


def cases(request: HttpRequest) -> HttpResponse:
    found = facets.find(request.GET, request.user)
    if found.ignored and "format" in request.GET:
        raise BadRequest(f"No filter or choice of this list: {', '.join(found.ignored)}.")
    order = orders.asked(request.GET)
    rows = [row(case, found.strips[case.pk]) for case in found.cases]
    rows.sort(key=lambda row: order.key(row.case, row.strip))
    if made := export_formats.answer(request, lambda: exported(rows, _asked(found), request.get_full_path())):
        return made
    sorts = orders.choices(request.GET)
    page = {
        "found": found,
        "groups": _by_mechanism(rows) if order.slug == "mechanism" else [(None, rows)] if rows else [],
        "kinds": (kinds := Counter(case.kind for case in found.everything)),
        "kind_figures": [(word, kinds[slug]) for slug, word in KINDS.items() if kinds[slug]],
        "order": order,
        "sorts": sorts.values(),
        "here": "cases",
        **table(rows, sorts),
    }
    return render(request, "catalog/cases.html", page)


def row(case: Case, strip: Strip) -> Row:
    known = {effect.effect: effect for effect in case.effects.all()}
    return Row(case, [Mark(look_up(EFFECTS, slug), known.get(slug)) for slug in MARKED], strip)


def table(rows: list[Row], sorts: Mapping[str, orders.Choice] = MappingProxyType({})) -> dict[str, Any]:
    """What templates/catalog/case_table.html takes besides its groups. Without `sorts` its heads lead nowhere."""
    return {
        "heads": [Head("Case", "", sorts.get("name")), Head("Who decides", "", sorts.get("who"))],
        "marked": [Head(HEADS[slug], look_up(EFFECTS, slug).label, sorts.get(slug)) for slug in MARKED],
        "status_head": Head("Status", "", sorts.get("status")),
        "lines": [cell.line for cell in rows[0].strip.cells] if rows else [],
    }


def _by_mechanism(rows: list[Row]) -> list[tuple[Word | None, list[Row]]]:
    return [(look_up(MECHANISMS, slug), list(of)) for slug, of in groupby(rows, key=lambda row: row.case.mechanism)]


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
