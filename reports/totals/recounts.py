"""A machine's evidence counted anew after its standing changed: in slices, however much it sent.

First all of its tallies are taken out, a slice at a time; meanwhile nothing that it sends is counted. Then, where it is
trusted, its evidence is counted in the order of ids, while what comes in is counted as it comes. Which state it is in
stands in its row, which a slice locks, and with which every settling report agrees before it counts: a worker that dies
loses its slice, and the next one goes on.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from catalog.models import Tally
from people.models import Machine
from reports.models import Evidence
from reports.totals import tallies

SLICE = 1_000
ALL = (1 << 63) - 1  # until here: tallies are being taken out, and nothing is counted


def begin(machine: Machine) -> None:
    """Has it counted anew, and does as much as one slice at once. Call it with the machine locked."""
    machine.uncounted_after, machine.uncounted_until = 0, ALL
    _go_on(machine)


@transaction.atomic
def one_slice() -> bool:
    """A slice of some machine. Returns whether there was one to count. In no order: one that fails stops no other."""
    waiting = Machine.objects.filter(uncounted_until__isnull=False).order_by("?")
    machine = waiting.select_for_update(no_key=True, skip_locked=True).first()
    if machine is None:
        return False
    _go_on(machine)
    return True


def _go_on(machine: Machine) -> None:
    if machine.uncounted_until == ALL and not tallies.take_out(machine, SLICE):
        newest = Evidence.objects.filter(machine=machine).order_by("-id").values_list("id", flat=True).first()
        machine.uncounted_until = newest if machine.is_trusted and newest else None
    if machine.uncounted_until not in (None, ALL):
        _count_some(machine)
    if machine.uncounted_until is None:
        machine.uncounted_after = None
    machine.save(update_fields=["uncounted_after", "uncounted_until"])


def _count_some(machine: Machine) -> None:
    ids = list(_uncounted(machine).order_by("id").values_list("id", flat=True)[:SLICE])
    tallies.count(removed=[], added=Evidence.objects.filter(id__in=ids).unrefuted())
    if len(ids) < SLICE:
        machine.uncounted_until = None
    else:
        machine.uncounted_after = ids[-1]


def nr_left(machine: Machine) -> int:
    """How many tallies are to be taken out, or pieces of evidence to be counted, until pages say what they should."""
    if machine.uncounted_until == ALL:
        return Tally.objects.filter(machine=machine).count()
    return _uncounted(machine).count() if machine.uncounted_until else 0


def _uncounted(machine: Machine) -> QuerySet[Evidence]:
    return Evidence.objects.filter(machine=machine, id__gt=machine.uncounted_after, id__lte=machine.uncounted_until)
