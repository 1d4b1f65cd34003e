"""Writes a dump of the whole database, as `pg_dump` makes it: one moment of it, while the site runs.

manage.py backup FILE     whole or not at all; for the owner's eyes: mail addresses and password hashes are in it
manage.py backup FOLDER   in a file named by the time, of which --keep are left
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.postgres import programs

NAME = "unmigratable-%Y%m%dT%H%M%SZ.dump"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", type=Path)
        parser.add_argument("--keep", type=int, default=14, help="in a folder: how many dumps stay; default 14")

    def handle(self, *args: Any, **options: Any) -> None:
        to: Path = options["to"]
        into = to if to.is_dir() or not to.suffix else None
        try:
            if into:
                into.mkdir(mode=0o700, parents=True, exist_ok=True)
                to = into / datetime.now(UTC).strftime(NAME)
            half = to.with_name(f"{to.name}.half")
            os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
            try:
                programs.run("pg_dump", "--format=custom", f"--file={half}")
                programs.run("pg_restore", "--list", str(half), connect=False)
                half.rename(to)
            finally:
                half.unlink(missing_ok=True)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        self.stdout.write(f"{to} {to.stat().st_size}")
        if into and options["keep"] > 0:
            for old in sorted(into.glob("unmigratable-*.dump"))[: -options["keep"]]:
                old.unlink()
