"""A comparison of two builds as it was at one moment: plain values that stay, whatever is measured later."""

from __future__ import annotations

from typing import Any

from catalog.measured import overview, side_by_side
from catalog.measured.overview import Summary
from catalog.models import KernelBuild, Total

MOST_ROWS = 60


def comparison(a: str, b: str) -> dict[str, Any] | None:
    """What everybody sees of builds `a` and `b`, by `str` of a build; None where one of them is not known.

    {"a", "b", "nr_left_out", "rows": [{"case", "mover", "a", "b", "verdict"}]}, all of them text.
    """
    builds = {str(build): build for build in KernelBuild.objects.visible_to(None)}
    if a not in builds or b not in builds:
        return None
    totals = Total.objects.visible_to(None).filter(build__in=[builds[a], builds[b]]).select_related("build", "case")
    slugs = {total.case_id: total.case.slug for total in totals}
    sides = [[s for s in overview.summarised(totals) if str(s.build) == name] for name in (a, b)]
    rows = [
        {
            "case": slugs[pair.case_id],
            "mover": f"{pair.one.mover.label}, {pair.one.area.label}, {pair.one.environment.label}",
            "a": _said(pair.a),
            "b": _said(pair.b),
            "verdict": pair.verdict.replace("_", " "),
        }
        for pair in sorted(
            side_by_side.pair(*sides), key=lambda pair: (pair.verdict != side_by_side.DIFFERS, slugs[pair.case_id])
        )
    ]
    return {"a": a, "b": b, "rows": rows[:MOST_ROWS], "nr_left_out": max(0, len(rows) - MOST_ROWS)}


def _said(side: Summary | None) -> str:
    if side is None:
        return "not tried"
    return f"{side.said}, held in {side.held} of {side.conclusive}" if side.conclusive else side.said
