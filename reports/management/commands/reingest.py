"""Has stored reports read again. Evidence stays until the new reading replaces it."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Case
from reports.intake.bell import bell
from reports.intake.formats import registry
from reports.worker import filters, replay, requeue
from reports.worker.requeue import Chosen


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("report", nargs="*", type=UUID, help="Report ids. Default: all that the options name.")
        parser.add_argument("--state", choices=[str(state) for state in replay.REPLAYABLE])
        parser.add_argument("--format", choices=list(registry.FORMATS))
        parser.add_argument("--since", type=_day, help="Received on this day or later, as in 2026-11-22, in UTC.")
        parser.add_argument("--case", help="Reports attached to this case, or naming it.")
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--dry-run", action="store_true", help="Only says how many there are.")

    def handle(self, *args: Any, **options: Any) -> None:
        pick = filters.read(options)
        if not (options["report"] or pick.says_something or options["all"]):
            raise CommandError("Say which: report ids, --state, --format, --since, --case or --all.")
        reports = pick.rows(Case.objects.all())
        if options["report"]:
            reports = reports.filter(pk__in=options["report"])
        if options["dry_run"]:
            self.stdout.write(f"{replay.replayable(reports).count()} reports would be read again")
            return
        if options["report"]:
            chosen = Chosen(reports=tuple(str(pk) for pk in reports.values_list("pk", flat=True)))
        else:
            chosen = Chosen(pick=pick.address, every=options["all"] and not pick.says_something)
        number = requeue.ask(chosen)
        while requeue.one_slice():
            pass
        if number:
            bell.ring_now()
        self.stdout.write(f"{number} reports wait to be read again")


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()
