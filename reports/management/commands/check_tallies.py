"""Compares tallies with their evidence, and totals with their tallies. Exits with 1 where they differ."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Tally, Total
from reports.models import Evidence
from reports.totals import check, tallies


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="add up anew what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = check.disagreements()
        for key, stored, counted in wrong:
            self.stderr.write(f"{key}: the tally says {stored}, the evidence {counted}")
            if options["repair"]:
                tallies.recount(key)
        miscounts = check.miscounts()
        for group, total, summed in miscounts:
            self.stderr.write(f"{group}: the total says {total}, its tallies {summed}")
            if options["repair"]:
                tallies.total_up(group)
        numbers = f"{Tally.objects.count()} tallies, {Evidence.objects.count()} pieces of evidence"
        numbers += f", {Total.objects.count()} totals"
        if (wrong or miscounts) and not options["repair"]:
            raise CommandError(f"{len(wrong)} tallies and {len(miscounts)} totals disagree, of {numbers}")
        self.stdout.write(f"{numbers}: {'repaired' if wrong or miscounts else 'they agree'}")
