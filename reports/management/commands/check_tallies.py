"""Compares every tally with the evidence that it adds up. Exits with 1 where they differ; --repair adds up anew."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.models import Tally
from reports import agreement, tallies
from reports.models import Evidence


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = agreement.disagreements()
        for key, stored, counted in wrong:
            self.stderr.write(f"{key}: the tally says {stored}, the evidence {counted}")
            if options["repair"]:
                tallies.recount(key)
        totals = f"{Tally.objects.count()} tallies, {Evidence.objects.count()} pieces of evidence"
        if wrong and not options["repair"]:
            raise CommandError(f"{len(wrong)} of {totals} disagree")
        self.stdout.write(f"{totals}: {'repaired' if wrong else 'they agree'}")
