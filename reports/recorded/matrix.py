"""The recorded reports as one Markdown table: case and mover down, kernels across, runs counted by outcome."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable

from diagnosis.kernels import releases
from diagnosis.words.vocabulary import CONCLUSIVE, MOVERS, OUTCOMES, counted, look_up
from reports.recorded.files import Recording, is_spread

Cells = dict[tuple[str, str], dict[str, Counter[str]]]


def table(recordings: Iterable[Recording]) -> str:
    """In each cell `OUTCOME n/runs`, then what says nothing, by name. Empty where there was no run. What was measured
    under a label is no kernel that people run: it is on the pages of strategies."""
    cells: Cells = defaultdict(lambda: defaultdict(Counter))
    for one in recordings:
        report = json.loads(one.body)
        if report["kernel"].get("label"):
            continue
        spread = any(map(is_spread, report["runs"]))  # a run that failed does not say so itself
        for run in report["runs"]:
            mover = look_up(MOVERS, run["mover"]).label + (", spread" if spread else "")
            cells[run["case"], mover][one.kernel][run["outcome"]] += 1
    kernels = sorted(
        {kernel for row in cells.values() for kernel in row}, key=lambda name: (releases.read(name).order, name)
    )
    lines = ["| case | mover | " + " | ".join(kernels) + " |", "|---" * (2 + len(kernels)) + "|"]
    for (case, mover), row in sorted(cells.items()):
        lines.append(" | ".join([f"| {case}", mover, *(said(row[kernel]) for kernel in kernels)]).rstrip() + " |")
    return "\n".join(lines) + "\n"


def said(outcomes: Counter[str]) -> str:
    total = outcomes.total()
    conclusive = [f"{look_up(OUTCOMES, slug).label} {outcomes[slug]}/{total}" for slug in CONCLUSIVE if outcomes[slug]]
    silent = [counted(outcomes[slug], look_up(OUTCOMES, slug)) for slug in OUTCOMES if slug not in CONCLUSIVE]
    return ", ".join(conclusive + [text for text in silent if not text.startswith("0 ")])
