"""What the pages of a case, of kernels and of strategies have to take along."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings

from catalog.documents.schema import CaseText
from catalog.measured import builds, overview
from catalog.measured.ways_out.tried import Tried
from catalog.models import Case, Serving, Strategy
from catalog.pages.case_page import whole
from catalog.text.export_formats import Export, Row, Table
from diagnosis.words.vocabulary import (
    CONTROLLERS,
    EFFECTS,
    MANNERS,
    MECHANISMS,
    STANDINGS,
    STATUSES,
    TIME_BOUNDS,
    counted,
    look_up,
)

EVIDENCE = {
    "case": "case",
    "kernel": "kernel",
    "label": "candidate",
    "architecture": "architecture",
    "environment": "environment",
    "mover": "mover",
    "area": "area",
    "held": "held",
    "conclusive": "of conclusive runs",
    "outcomes": "outcomes",
    "nr_machines": "machines",
    "freed_seconds": "freed after, s",
    "last_seen_at": "last seen",
}
_SLIDE = ("kernel", "mover", "area", "held", "conclusive", "nr_machines")


def case(found: Case, text: CaseText, summaries: list[overview.Summary]) -> Export:
    """A slide with the case at a glance, and one with what was measured."""
    points = [
        f"Holds it: {look_up(MECHANISMS, text.mechanism).meaning}",
        f"In whose hands: {', '.join(look_up(CONTROLLERS, slug).label for slug in text.controllers)}; "
        f"in time: {look_up(TIME_BOUNDS, text.bounds.time).label}",
        *(
            f"{look_up(EFFECTS, e.effect).label}: {look_up(MANNERS, e.manner).label} "
            f"({look_up(STANDINGS, e.standing).label})"
            for e in text.effects
        ),
        f"Status: {look_up(STATUSES, text.status).label}",
    ]
    rows = [_evidence(found.slug, one) for one in summaries]
    measured_ = Table("Measured" if rows else "Nobody has measured it yet", EVIDENCE, rows, _SLIDE)
    data = {
        "case": found.slug,
        "summary": text.summary,
        "document": text.model_dump(mode="json", exclude_none=True),
        "charts": whole.drawn(text, summaries).as_json(),
    }
    return Export(found.slug, text.title, found.get_absolute_url(), [measured_], points, data)


def _evidence(slug: str, one: overview.Summary) -> Row:
    return {
        "case": slug,
        "kernel": one.build.release,
        "label": one.build.label,
        "architecture": one.architecture,
        "environment": one.environment.label,
        "mover": one.mover.label,
        "area": one.area.label,
        "held": one.held,
        "conclusive": one.conclusive,
        "outcomes": [counted(runs, word) for word, runs in one.outcomes],
        "nr_machines": one.nr_machines,
        "freed_seconds": float(f"{one.freed_seconds:.1g}") if one.freed_seconds is not None else None,
        "last_seen_at": one.last_seen_at.strftime("%Y-%m-%d"),
    }


KERNELS = {
    "case": "case",
    "line": "line",
    "build": "build",
    "mover": "mover",
    "area": "area",
    "environment": "on",
    "held": "held",
    "conclusive": "of conclusive runs",
    "verdict": "seen",
}


def kernels(
    table: Iterable[tuple[Case, list[tuple[builds.KernelLine, list[builds.Mark]]]]], path: str, data: Row
) -> Export:
    """Each mark of the matrix as a row; a slide for each line of kernels."""
    by_line: dict[str, list[Row]] = {}
    for found, cells in table:
        for line, marks in cells:
            by_line.setdefault(line.name, []).extend(_mark(found, line, mark) for mark in marks)
    on_slides = ("case", "mover", "area", "held", "conclusive", "verdict")
    made = [Table(f"Line {name}", KERNELS, rows, on_slides) for name, rows in by_line.items() if rows]
    return Export("kernels", "Kernels", path, made or [Table("Nothing was measured yet", KERNELS, [])], data=data)


def _mark(found: Case, line: builds.KernelLine, mark: builds.Mark) -> Row:
    return {
        "case": found.slug,
        "line": line.name,
        "build": mark.build.release,
        "mover": mark.mover.label,
        "area": mark.area,
        "environment": mark.where,
        "held": mark.held,
        "conclusive": mark.conclusive,
        "verdict": overview.MEANINGS[mark.verdict],
    }


STRATEGIES = {
    "strategy": "strategy",
    "title": "title",
    "approach": "approach",
    "state": "state",
    "case": "case",
    "effect": "it",
    "measured": "as measured",
    "why": "why",
    "url": "address",
}


def strategies(table: Iterable[tuple[Strategy, list[tuple[Case, Serving | None, Tried | None]]]], path: str) -> Export:
    """Each filled cell of the matrix as a row; a slide for each strategy."""
    made = []
    for strategy, cells in table:
        rows = [_serving(strategy, found, serving, one) for found, serving, one in cells if serving is not None]
        made.append(Table(strategy.title, STRATEGIES, rows, ("case", "effect", "measured", "why")))
    return Export("strategies", "Strategies", path, made or [Table("No strategy is known yet", STRATEGIES, [])])


def _serving(strategy: Strategy, found: Case, serving: Serving, measured: Tried | None) -> Row:
    version = f" v{strategy.version}" if strategy.version else ""
    return {
        "strategy": strategy.slug,
        "title": strategy.title,
        "approach": strategy.approach_word.label,
        "state": strategy.state_word.label + version,
        "case": found.slug,
        "effect": serving.effect_word.label,
        "measured": measured.word.label if measured else None,
        "why": serving.why,
        "url": settings.SITE_URL + strategy.get_absolute_url(),
    }
