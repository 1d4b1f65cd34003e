"""The one definition of a sum: what evidence adds up to as a tally, and what tallies add up to as a total.

`tallies` and `totals` write what this says, `check` compares with it. Which evidence counts, `Evidence.objects.counted`
says alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from catalog.measured import histogram
from catalog.models import Tally, Total
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, OUTCOMES
from reports.models import Evidence
from reports.totals.copy_rows import EvidenceRow

# (case, build, architecture, mover, area, environment, kind), by id where there is one; then (…, machine, outcome).
Group = tuple[int, int, str, str, str, str, str]
Key = tuple[int, int, str, str, str, str, str, int, str]
KEY = tuple(f"{name}_id" if name in ("case", "build", "machine") else name for name in Tally.KEY)
GROUP = KEY[:7]
PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}


@dataclass
class TallySum:
    """The columns of a tally that add up. `worked` as in `Tally`."""

    runs: int
    histogram: list[int]
    last_seen_at: datetime
    worked: list[int]


def tallied(rows: Iterable[Evidence | EvidenceRow]) -> dict[Key, TallySum]:
    """What these rows of evidence add up to, by tally key."""
    made: dict[Key, TallySum] = {}
    for row in rows:
        key = key_of(row)
        one = made.get(key)
        if one is None:
            made[key] = TallySum(1, histogram.of(row.freed_seconds), row.seen_at, _worked(row))
        else:
            one.runs += 1
            histogram.add(one.histogram, row.freed_seconds)
            one.last_seen_at = max(one.last_seen_at, row.seen_at)
            one.worked = _added(one.worked, _worked(row))
    return made


def _worked(row: Evidence | EvidenceRow) -> list[int]:
    said = (row.worked_before, row.worked_while_held, row.worked_after)
    return [number for one in said for number in (int(one is True), int(one is not None))]


def _added(one: list[int], other: list[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]


def sums_of(tallies: Iterable[Tally]) -> dict[Key, TallySum]:
    """As `tallied`, from tallies that are stored."""
    return {key_of(one): TallySum(one.runs, one.histogram, one.last_seen_at, one.worked) for one in tallies}


@dataclass
class TotalSum:
    """The total of one group. `runs` by outcome, in the order of OUTCOMES; else as in `Total`.

    `first_seen`: since when an outcome has been seen, by outcome; only of tallies that are stored.
    """

    last_seen_at: datetime
    runs: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    histogram: list[int] = field(default_factory=lambda: [0] * histogram.BUCKETS)
    worked: list[int] = field(default_factory=lambda: [0] * 6)
    machines: set[int] = field(default_factory=set)
    conclusive_machines: set[int] = field(default_factory=set)
    first_seen: dict[str, datetime] = field(default_factory=dict)

    @property
    def nr_machines(self) -> int:
        return len(self.machines)

    @property
    def nr_conclusive_machines(self) -> int:
        return len(self.conclusive_machines)

    @property
    def held(self) -> int:
        return sum(self.runs[PLACES[outcome]] for outcome in HELD)

    @property
    def conclusive(self) -> int:
        return sum(self.runs[PLACES[outcome]] for outcome in CONCLUSIVE)

    @property
    def news_at(self) -> datetime:
        return max(self.first_seen.values())

    def add(self, machine: int, outcome: str, tally: TallySum) -> None:
        self.last_seen_at = max(self.last_seen_at, tally.last_seen_at)
        self.runs[PLACES[outcome]] += tally.runs
        self.machines.add(machine)
        if outcome in HELD:
            self.histogram = histogram.added([self.histogram, tally.histogram])
        if outcome in CONCLUSIVE:
            self.conclusive_machines.add(machine)
            self.worked = _added(self.worked, tally.worked)

    def see(self, outcome: str, since: datetime, last_seen_at: datetime) -> None:
        """Takes over when an outcome was seen first and last, and adds nothing."""
        self.first_seen[outcome] = min(since, self.first_seen.get(outcome, since))
        self.last_seen_at = max(self.last_seen_at, last_seen_at)


def totalled(tallies: Mapping[Key, TallySum]) -> dict[Group, TotalSum]:
    """The totals of these tallies by group, in the order of groups."""
    made: dict[Group, TotalSum] = {}
    for key, tally in sorted(tallies.items(), key=lambda pair: pair[0]):
        made.setdefault(key[:7], TotalSum(tally.last_seen_at)).add(key[7], key[8], tally)
    return made


def group_of(row: Total | Tally) -> Group:
    return (*(row.case_id, row.build_id, row.architecture, row.mover, row.area), *(row.environment, row.kind))


def key_of(row: Evidence | EvidenceRow | Tally) -> Key:
    return (
        *(row.case_id, row.build_id, row.architecture, row.mover, row.area),
        *(row.environment, row.kind, row.machine_id, row.outcome),
    )


def where_group(group: Group) -> dict[str, int | str]:
    return dict(zip(GROUP, group, strict=True))


def where_key(key: Key) -> dict[str, int | str]:
    return dict(zip(KEY, key, strict=True))
