"""Loads the recorded reports: real ones, sent by the probe on real kernels, each once.

Never stops the start: names of machines are foreseeable, and whoever took one has it. Its recordings are left out,
which is told.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from people.models import Machine, Role, Standing, User
from reports.intake import inbox
from reports.intake.bell import bell
from reports.intake.submission import native
from reports.models import Report
from reports.recorded import files


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        owner, _ = User.objects.get_or_create(username="recorded", defaults={"role": Role.READER, "password": "!"})
        there = set(Report.objects.filter(machine__owner=owner).values_list("machine__name", "run_id"))
        machines: dict[str, Machine] = {}
        new, everything = 0, list(files.every())
        for one in everything:
            if (one.machine, one.run_id) in there:
                continue
            if one.machine not in machines:
                ours = {"owner": owner, "standing": Standing.TRUSTED}
                machines[one.machine] = Machine.objects.get_or_create(name=one.machine, defaults=ours)[0]
                if machines[one.machine].owner_id != owner.pk:
                    told = f"NOT LOADED: the machine {one.machine} is somebody's. What we recorded is not theirs."
                    self.stderr.write(told)
            if machines[one.machine].owner_id != owner.pk:
                continue
            new += inbox.take(native(machines[one.machine], one.body, one))[1]
        if new:
            bell.ring_now()
        self.stdout.write(f"recorded reports: {new} new of {len(everything)}")
