"""Checks case and strategy files, line by line, without loading anything."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import files


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="*", type=Path, help="Default: every file of the catalog.")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = options["file"] or files.all_files()
        found = 0
        for path in paths:
            if not path.is_file():
                raise CommandError(f"{path}: no such file")
            for problem in files.check(path):
                found += 1
                self.stderr.write(
                    f"{path}:{problem.line}: {problem.field + ': ' if problem.field else ''}{problem.message}"
                )
        if found:
            raise CommandError(f"{found} problems in {len(paths)} files")
        self.stdout.write(f"{len(paths)} files are good")
