"""Whether tallies are what the evidence adds up to, and totals what the tallies do. This says where they are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from catalog.models import Tally, Total
from reports.models import Evidence
from reports.totals import recounts, sums, totals
from reports.totals.sums import Group, Key, TallySum, TotalSum

Disagreement = tuple[Key, TallySum | None, TallySum | None]
# (group, total, tallies), each as the columns of `Total` from `runs` on.
Miscount = tuple[Group, tuple[Any, ...] | None, tuple[Any, ...] | None]


def disagreements() -> list[Disagreement]:
    """Where a tally is not what its evidence adds up to: (key, tally, evidence). Empty when all is well.

    The two are read one after the other, so what differs is looked at once more under the tally's lock. Tallies that
    are being taken out with their machine are left out.
    """
    stored = sums.sums_of(_settled_tallies())
    counted = sums.tallied(Evidence.objects.counted().iterator(chunk_size=2_000))
    suspects = [key for key in sorted(stored.keys() | counted.keys()) if stored.get(key) != counted.get(key)]
    return [found for key in suspects if (found := _differs(key))]


@transaction.atomic
def _differs(key: Key) -> Disagreement | None:
    where = sums.where_key(key)
    stored = sums.sums_of(_settled_tallies().select_for_update(no_key=True, of=("self",)).filter(**where)).get(key)
    counted = sums.tallied(Evidence.objects.counted().filter(**where)).get(key)
    return (key, stored, counted) if stored != counted else None


def _settled_tallies() -> QuerySet[Tally]:
    return Tally.objects.exclude(machine__uncounted_until=recounts.ALL)


def miscounts() -> list[Miscount]:
    """Where a total is not what its tallies add up to. As `disagreements`."""
    stored = {sums.group_of(total): _columns_of(total) for total in Total.objects.all()}
    counted = _totals_of(Tally.objects.all())
    suspects = [group for group in sorted(stored.keys() | counted.keys()) if stored.get(group) != counted.get(group)]
    return [found for group in suspects if (found := _miscounted(group))]


@transaction.atomic
def _miscounted(group: Group) -> Miscount | None:
    there = not totals.lock([group])
    where = sums.where_group(group)
    stored = next((_columns_of(total) for total in Total.objects.filter(**where)), None) if there else None
    counted = _totals_of(Tally.objects.filter(**where)).get(group)
    transaction.set_rollback(True)  # a total that was made to be locked
    return (group, stored, counted) if stored != counted else None


def _totals_of(tallies: Iterable[Tally]) -> dict[Group, tuple[Any, ...]]:
    return {group: _columns_of(total) for group, total in sums.totalled(sums.sums_of(tallies)).items()}


def _columns_of(one: Total | TotalSum) -> tuple[Any, ...]:
    counted = (one.runs, one.held, one.conclusive, one.nr_machines, one.nr_conclusive_machines)
    return (*counted, one.last_seen_at, one.histogram, one.worked)
