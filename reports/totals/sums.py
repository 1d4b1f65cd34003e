"""What rows of evidence add up to, by the key of a tally."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from catalog.measured import histogram
from catalog.models import Tally
from reports.models import Evidence
from reports.totals.copy_rows import Row

# (case, build, architecture, mover, area, environment, kind, machine, outcome), by id where there is one: as Tally.KEY.
Key = tuple[int, int, str, str, str, str, str, int, str]


@dataclass
class Delta:
    """`worked` as in `Tally`."""

    runs: int
    histogram: list[int]
    last_seen_at: datetime
    worked: list[int]


def tallied(rows: Iterable[Evidence | Row]) -> dict[Key, Delta]:
    """What these rows add up to, by tally key."""
    made: dict[Key, Delta] = {}
    for row in rows:
        key = key_of(row)
        one = made.get(key)
        if one is None:
            made[key] = Delta(1, histogram.of(row.freed_seconds), row.seen_at, _worked(row))
        else:
            one.runs += 1
            one.histogram = histogram.added([one.histogram, histogram.of(row.freed_seconds)])
            one.last_seen_at = max(one.last_seen_at, row.seen_at)
            one.worked = [a + b for a, b in zip(one.worked, _worked(row), strict=True)]
    return made


def _worked(row: Evidence | Row) -> list[int]:
    said = (row.worked_before, row.worked_while_held, row.worked_after)
    return [number for one in said for number in (int(one is True), int(one is not None))]


def key_of(row: Evidence | Row | Tally) -> Key:
    return (
        *(row.case_id, row.build_id, row.architecture, row.mover, row.area),
        *(row.environment, row.kind, row.machine_id, row.outcome),
    )


def where_key(key: Key) -> dict[str, int | str]:
    names = [f"{name}_id" if name in ("case", "build", "machine") else name for name in Tally.KEY]
    return dict(zip(names, key, strict=True))


def stored(tallies: Iterable[Tally]) -> dict[Key, Delta]:
    return {key_of(one): Delta(one.runs, list(one.histogram), one.last_seen_at, list(one.worked)) for one in tallies}
