"""Builds × cases, drawn: what was seen lately, on which kernels, at one look. On /reports/, and as JSON beside it.

Bounded whatever labs send: the builds measured last, and of the cases those that were tried on most of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from catalog.measured.overview import GLYPHS, MEANINGS, verdict
from catalog.models import Total
from diagnosis.kernels import releases

BUILDS, CASES = 12, 40
STEP, ROW = 22, 20  # pixels of a column (a case, its name upright) and of a row (a build)
LETTER, GAP = 6.7, 12  # pixels of one letter, and between a name and what it names
LONGEST_BUILD, LONGEST_CASE = 44, 26  # characters that are drawn of a name; the table has the rest


@dataclass(frozen=True)
class Cell:
    """What all movers saw of one case on one build. They are not compared here: the worst of them is shown."""

    case: str
    held: int
    runs: int
    x: int

    @property
    def verdict(self) -> str:
        return verdict(self.held, self.runs)

    @property
    def glyph(self) -> str:
        return GLYPHS[self.verdict]

    @property
    def said(self) -> str:
        return f"{MEANINGS[self.verdict]}, {self.held} of {self.runs} runs held" if self.runs else MEANINGS["none"]


@dataclass(frozen=True)
class Row:
    build: str
    cells: list[Cell]
    y: int

    @property
    def seen(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.runs]


@dataclass(frozen=True)
class Grid:
    """`left` and `head` are the pixels that the names of builds and of cases take."""

    cases: list[tuple[str, int]]
    rows: list[Row]
    left: int
    head: int
    nr_left_out: int

    @property
    def width(self) -> int:
        return self.left + STEP * len(self.cases)

    @property
    def height(self) -> int:
        return self.head + ROW * len(self.rows)

    @property
    def said(self) -> str:
        """For whoever does not see the drawing."""
        cells = [cell for row in self.rows for cell in row.seen]
        held = sum(cell.held > 0 for cell in cells)
        return (
            f"{len(self.cases)} cases on the {len(self.rows)} builds measured last: "
            f"in {held} of {len(cells)} fields some run held the folio. The table below has each."
        )


def grid(user: Any) -> Grid:
    """Two queries."""
    public = Total.objects.visible_to(user).filter(conclusive__gt=0).order_by()
    latest = public.values_list("build").annotate(last=Max("last_seen_at")).order_by("-last", "-build")[:BUILDS]
    named = ("case__slug", "build", "build__release", "build__label")
    counts: dict[str, dict[int, tuple[int, int]]] = {}
    builds: dict[int, str] = {}
    sums = (
        public.filter(build__in=[pk for pk, _ in latest]).values_list(*named).annotate(Sum("held"), Sum("conclusive"))
    )
    for case, pk, release, label, held, runs in sums:
        builds[pk] = f"{release} + {label}" if label else release
        counts.setdefault(case, {})[pk] = (held, runs)
    order = sorted(builds, key=lambda pk: (releases.read(builds[pk].partition(" ")[0]).order, builds[pk]))
    tried = sorted(counts, key=lambda case: (-len(counts[case]), case))
    cases = sorted(tried[:CASES])
    left, head = _pixels(builds.values(), LONGEST_BUILD), _pixels(cases, LONGEST_CASE)
    places = [(case, left + STEP * at + STEP // 2) for at, case in enumerate(cases)]
    rows = [
        Row(
            builds[pk],
            [Cell(case, *counts[case].get(pk, (0, 0)), x) for case, x in places],
            head + ROW * at + ROW // 2,
        )
        for at, pk in enumerate(order)
    ]
    return Grid(places, rows, left, head, max(0, len(tried) - CASES))


def _pixels(names: Iterable[str], most: int) -> int:
    return GAP + round(LETTER * min(most, max(map(len, names), default=0)))


@require_safe
def as_json(request: HttpRequest) -> HttpResponse:
    """The data of the drawing."""
    shown = grid(request.user)
    rows = [
        {"case": cell.case, "build": row.build, "runs": cell.runs, "held": cell.held}
        for row in shown.rows
        for cell in row.seen
    ]
    return JsonResponse({"builds": [row.build for row in shown.rows], "results": rows})
