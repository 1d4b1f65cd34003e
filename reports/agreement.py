"""Whether the tallies are what the evidence adds up to. They always should be; this says where they are not."""

from __future__ import annotations

from django.db import transaction

from catalog.models import Tally
from reports import tallies
from reports.models import Evidence
from reports.tallies import Delta, Key

Disagreement = tuple[Key, Delta | None, Delta | None]


def disagreements() -> list[Disagreement]:
    """Where a tally is not what its evidence adds up to: (key, tally, evidence). Empty when all is well.

    The two are read one after the other, so what differs is looked at once more under the tally's lock.
    """
    stored = {tallies.key_of(t): _delta(t) for t in Tally.objects.all()}
    counted = tallies.tallied(Evidence.objects.counted().iterator(chunk_size=2_000))
    suspects = [key for key in sorted(stored.keys() | counted.keys()) if stored.get(key) != counted.get(key)]
    return [found for key in suspects if (found := _differs(key))]


@transaction.atomic
def _differs(key: Key) -> Disagreement | None:
    stored = next((_delta(tally) for tally in Tally.objects.select_for_update().filter(**tallies.where_key(key))), None)
    counted = tallies.tallied(Evidence.objects.counted().filter(**tallies.where_key(key))).get(key)
    return (key, stored, counted) if stored != counted else None


def _delta(tally: Tally) -> Delta:
    return Delta(tally.runs, list(tally.histogram), tally.last_seen_at, list(tally.worked))
