"""Reports as rows of a list: what was found, by which mover, on which kernels. Those that say the same are one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from catalog.measured.overview import GLYPHS
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, MOVERS, OUTCOMES, counted, look_up, rank
from reports.models import Report
from reports.pages.rows import speaking_of


@dataclass(frozen=True)
class Row:
    """A row of the ledger: a report, what was found in it, the kernels that it was measured on, and its cases."""

    report: Report
    kernels: list[str]
    cases: list[str]
    found: list[str]

    @property
    def where(self) -> list[str]:
        """Of a rejected one, what is wrong with it."""
        reason = self.report.reason or {}
        return [fault["where"] for fault in reason.get("errors", ()) if fault.get("where")]

    @property
    def look(self) -> tuple[object, ...]:
        """What the row shows but for which report it is, and when that came."""
        report = self.report
        title = (report.reason or {}).get("title")
        counts = (report.nr_observations, report.nr_unmatched, report.recorded_at is not None)
        return report.machine_id, report.state, title, self.where, self.kernels, self.cases, self.found, counts


@dataclass(frozen=True)
class Alike:
    """Reports that came one after another and say the same, the newest first: one row with their number."""

    rows: list[Row]

    @property
    def first(self) -> Row:
        return self.rows[0]

    @property
    def since(self) -> Report:
        return self.rows[-1].report


def of(reports: list[Report], user: Any) -> list[Alike]:
    """In their order. Two queries."""
    spoken = speaking_of.of_reports(reports, user)
    rows = [Row(report, _builds(one := spoken[report.pk]), one.cases, _found(one)) for report in reports]
    return [Alike(list(same)) for _, same in groupby(rows, key=lambda row: row.look)]


def _found(spoken: speaking_of.Spoken) -> list[str]:
    """'offline: ● 4 hangs, 1 skipped' of each mover; what was held first, then what moved, then what does not count."""
    made = []
    for mover, ours in groupby(sorted(spoken.outcomes), key=lambda one: one[0]):
        slugs = sorted((slug for _, slug in ours), key=lambda slug: (slug not in HELD, rank(OUTCOMES, slug)))
        said = [
            _GLYPHS.get(slug, "") + counted(spoken.outcomes[mover, slug], look_up(OUTCOMES, slug)) for slug in slugs
        ]
        made.append(f"{look_up(MOVERS, mover).label}: {', '.join(said)}" if mover else ", ".join(said))
    return made


_GLYPHS = {slug: GLYPHS["held" if slug in HELD else "moves"] + " " for slug in CONCLUSIVE}


def _builds(spoken: speaking_of.Spoken) -> list[str]:
    return list(dict.fromkeys(f"{release} + {label}" if label else release for release, label, _ in spoken.kernels))
