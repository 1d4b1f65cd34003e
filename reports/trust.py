"""Whose results count. A new machine's wait until a maintainer trusts it; one act withdraws all that a machine sent.

Nothing is deleted: evidence of a machine that is not trusted is shown as such, and stays out of every tally.
"""

from __future__ import annotations

from django.db import transaction

from people import journal
from people.models import Machine, Standing, User
from reports import tallies


@transaction.atomic
def let_stand(machine: Machine, standing: Standing, person: User) -> None:
    """Changes a machine's standing and counts its evidence anew. Reports that settle meanwhile wait for it."""
    locked = Machine.objects.select_for_update(no_key=True).get(pk=machine.pk)
    if locked.standing == standing:
        return
    before = locked.standing
    locked.standing = standing
    locked.save(update_fields=["standing"])
    tallies.count_machine(locked)
    journal.record(f"machine.{standing}", "machine", machine.name, person, before=before)
