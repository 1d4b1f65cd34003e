"""Takes a dump of `manage.py backup` into an empty database, brings it up to date, and checks what is counted.

With the workers at rest. A database that has anything in it is refused: drop it, or name another in DATABASE_URL.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.postgres import programs


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dump", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dump"].is_file():
            raise CommandError(f"{options['dump']}: no such file")
        if connection.introspection.table_names():
            raise CommandError("DATABASE_URL: this database is not empty. Name an empty one.")
        connection.close()
        programs.run(
            *("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
            *("--dbname={database}", str(options["dump"])),
        )
        call_command("migrate", verbosity=0)
        call_command("check_tallies")
        self.stdout.write("restored: start web, workers and beat")
