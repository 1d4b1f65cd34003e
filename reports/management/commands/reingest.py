"""Has stored reports read again. Evidence stays until the new reading replaces it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Case
from reports import replay
from reports.models import Report
from reports.tasks import bell


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("report", nargs="*", type=UUID, help="Report ids. Default: all that the options name.")
        parser.add_argument("--state", choices=[str(state) for state in replay.REPLAYABLE])
        parser.add_argument("--case", help="Reports attached to this case, or naming it.")
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--dry-run", action="store_true", help="Only says how many there are.")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = Report.objects.all()
        if not (options["report"] or options["state"] or options["case"] or options["all"]):
            raise CommandError("Say which: report ids, --state, --case or --all.")
        if options["report"]:
            reports = reports.filter(pk__in=options["report"])
        if options["state"]:
            reports = reports.filter(state=options["state"])
        if options["case"]:
            reports = reports.filter(pk__in=_of_case(options["case"]))
        if options["dry_run"]:
            self.stdout.write(f"{replay.replayable(reports).count()} reports would be read again")
            return
        number = replay.again(reports)
        if number:
            bell.ring_now()
        self.stdout.write(f"{number} reports wait to be read again")


def _of_case(name: str) -> set[Any]:
    case = Case.objects.named(name)
    attached = Report.objects.filter(evidence__case=case).values_list("pk", flat=True) if case else []
    naming = Report.objects.filter(observations__names=name).values_list("pk", flat=True)
    return {*attached, *naming}
