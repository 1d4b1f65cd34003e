"""Whose results count. A new machine's wait until a maintainer trusts it; one act withdraws all that a machine sent.

What it sends from then on counts at once, or does not; what it sent before follows in slices (`recounts`). Nothing is
deleted: evidence of a machine that is not trusted is shown as such, and stays out of every tally.
"""

from __future__ import annotations

from django.db import transaction

from people import journal
from people.models import Machine, Standing, User
from reports.totals import recounts


@transaction.atomic
def let_stand(machine: Machine, standing: Standing, person: User) -> None:
    """Changes a machine's standing, and has its evidence counted anew: at once where that is little."""
    locked = Machine.objects.select_for_update(no_key=True).get(pk=machine.pk)
    if locked.standing == standing:
        return
    before = locked.standing
    locked.standing = standing
    locked.save(update_fields=["standing"])
    recounts.begin(locked)
    journal.record(f"machine.{standing}", "machine", machine.name, person, before=before)
