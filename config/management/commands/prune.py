"""Removes what is past its time, as the nightly task does; with --dry-run it only says how much that is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config import pruning


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="remove nothing, and say what would be removed")
        parser.add_argument("--seconds", type=float, default=3_600, help="begin nothing after so long (default: 3600)")

    def handle(self, *args: Any, **options: Any) -> None:
        came_to_the_end = True
        if options["dry_run"]:
            numbers = {kind.name: kind.due_now().count() for kind in pruning.KINDS}
        else:
            numbers, came_to_the_end = pruning.run(options["seconds"])
        for name, number in numbers.items():
            days = settings.KEEP_DAYS[name]
            self.stdout.write(f"{name}: {number}" + (f", after {days} days" if days else ", kept for ever"))
        if not came_to_the_end:
            self.stdout.write("Not all of it: the time was over.")
