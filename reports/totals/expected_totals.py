"""Expected totals, computed in Python from tallies. Used to write `Total` rows and to verify them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from catalog.measured import histogram
from catalog.models import Tally, Total
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, OUTCOMES
from reports.totals.deltas import Delta, Key

# (case, build, architecture, mover, area, environment, kind): a tally's key without its machine and outcome.
Group = tuple[int, int, str, str, str, str, str]
GROUP = ("case_id", "build_id", "architecture", "mover", "area", "environment", "kind")
PLACES = {outcome: place for place, outcome in enumerate(OUTCOMES)}


@dataclass
class Whole:
    """The total of one group. `runs` by outcome, in the order of OUTCOMES; else as in `Total`."""

    last_seen_at: datetime
    runs: list[int] = field(default_factory=lambda: [0] * len(OUTCOMES))
    histogram: list[int] = field(default_factory=lambda: [0] * histogram.BUCKETS)
    worked: list[int] = field(default_factory=lambda: [0] * 6)
    machines: set[int] = field(default_factory=set)
    conclusive_machines: set[int] = field(default_factory=set)

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

    def add(self, machine: int, outcome: str, delta: Delta) -> None:
        self.last_seen_at = max(self.last_seen_at, delta.last_seen_at)
        self.runs[PLACES[outcome]] += delta.runs
        self.machines.add(machine)
        if outcome in HELD:
            self.histogram = histogram.added([self.histogram, delta.histogram])
        if outcome in CONCLUSIVE:
            self.conclusive_machines.add(machine)
            self.worked = [a + b for a, b in zip(self.worked, delta.worked, strict=True)]


def group_of(total: Total | Tally) -> Group:
    return (
        *(total.case_id, total.build_id, total.architecture, total.mover, total.area),
        *(total.environment, total.kind),
    )


def where_group(group: Group) -> dict[str, int | str]:
    return dict(zip(GROUP, group, strict=True))


def totalled(deltas: Mapping[Key, Delta]) -> dict[Group, Whole]:
    """The totals of these deltas by group, in the order of groups."""
    made: dict[Group, Whole] = {}
    for key, delta in sorted(deltas.items(), key=lambda pair: pair[0]):
        made.setdefault(key[:7], Whole(delta.last_seen_at)).add(key[7], key[8], delta)
    return made
