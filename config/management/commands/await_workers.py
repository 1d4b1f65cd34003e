"""Before an upgrade: waits until workers that were asked to end have put down what they held. Web may go on.

A claim that its worker does not renew is free after its lease. Migrations are safe while the release before runs, and
what a migration of data changes is then changed by nobody else.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection

from reports.models import Report, State

PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=120.0, help="then it ends with 2; default 120")

    def handle(self, *args: Any, **options: Any) -> None:
        end = time.monotonic() + options["seconds"]
        while held := _held():
            if time.monotonic() > end:
                raise CommandError(f"workers still hold {held} reports: stop them, or leave this out", returncode=2)
            time.sleep(PAUSE_SECONDS)
        self.stdout.write("no worker holds a report")


def _held() -> int:
    """None in an empty database, either."""
    if Report._meta.db_table not in connection.introspection.table_names():
        return 0
    try:
        return Report.objects.filter(state=State.INGESTING).count()
    except ProgrammingError:
        return 0
