"""Cases by the subsystem that they concern: an index, and a page each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.documents.current import strategy_text
from catalog.measured import overview
from catalog.measured.strips import Strip, strips
from catalog.models import Case, Strategy, Subsystem
from catalog.models.cases import OPEN
from catalog.pages.listing import case_list
from catalog.text import export_formats
from diagnosis.kernels import releases


@dataclass(frozen=True)
class LineRuns:
    """What was measured of one subsystem's cases on one line of kernels: cases, by verdict."""

    name: str
    held: int
    mixed: int
    moves: int
    runs: int

    @property
    def cases(self) -> int:
        return self.held + self.mixed + self.moves


def subsystems(request: HttpRequest) -> HttpResponse:
    """Only those that a visible case names. Three queries."""
    cases = [case for case in Case.objects.visible_to(request.user).for_list() if case.kind == "case"]
    every, open_ = Counter[Subsystem](), Counter[Subsystem]()
    for case in cases:
        found = case.subsystems.all()
        every.update(found)
        open_.update(found if case.status in OPEN else ())
    rows = sorted(every, key=lambda one: (-open_[one], -every[one], one.name.lower()))
    page = {"rows": [(one, open_[one], every[one]) for one in rows], "here": "cases"}
    return render(request, "catalog/subsystems.html", page)


def subsystem(request: HttpRequest, slug: str) -> HttpResponse:
    cases = list(Case.objects.visible_to(request.user).filter(subsystems__slug=slug).for_list())
    if not cases:
        raise Http404("No case names such a subsystem.")
    found = next(one for one in cases[0].subsystems.all() if one.slug == slug)
    shown = strips(cases)
    rows = [case_list.row(case, shown[case.pk]) for case in cases]
    rows.sort(key=lambda row: (row.case.status not in OPEN, row.case.slug))
    if made := export_formats.answer(request, lambda: case_list.exported(rows, f"{found.name}: cases", request.path)):
        return made
    strategies = list(
        Strategy.objects.visible_to(request.user)
        .filter(servings__case__in=cases)
        .for_list()
        .select_related("document__current")
        .distinct()
    )
    page = {
        "subsystem": found,
        "groups": [(None, rows)],
        **case_list.table(rows),
        "strategies": [(strategy, _served(strategy, cases), _driver(strategy)) for strategy in strategies],
        "kernel_lines": _lines(shown.values()),
        "nr_open": sum(case.status in OPEN for case in cases if case.kind == "case"),
        "nr_measured": sum(bool(strip.lines) for strip in shown.values()),
        "here": "cases",
    }
    return render(request, "catalog/subsystem.html", page)


def _lines(shown: Iterable[Strip]) -> list[LineRuns]:
    """Every line that there are runs on, the newest first, then those whose names tell no version."""
    by_line: dict[str, list[tuple[int, int]]] = {}
    for strip in shown:
        for name, counts in strip.lines.items():
            by_line.setdefault(name, []).append(counts)
    made = []
    for name in sorted(by_line, key=lambda name: (releases.read(name.split()[-1]).order, name), reverse=True):
        seen = Counter(overview.verdict(*one) for one in by_line[name])
        runs = sum(runs for _, runs in by_line[name])
        made.append(LineRuns(name, seen["held"], seen["mixed"], seen["moves"], runs))
    return made


def _served(strategy: Strategy, cases: list[Case]) -> list[object]:
    shown = {case.pk for case in cases}
    return [serving for serving in strategy.servings.all() if serving.case_id in shown]


def _driver(strategy: Strategy) -> str:
    text = strategy_text(strategy.document)
    return text.driver or "" if text else ""
