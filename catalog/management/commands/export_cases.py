"""Writes the catalog as it stands on the site into files, byte for byte: what was loaded, and what was edited.

`manage.py export_cases data` in a checkout, and `git diff` shows what the site has and the files have not.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.revisions import files


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="Gets folders cases/ and strategies/. Other files in it stay.")

    def handle(self, *args: Any, **options: Any) -> None:
        results: Counter[str] = Counter()
        try:
            for path, result in files.export(options["folder"]):
                results[result] += 1
                if result != "same":
                    self.stdout.write(f"{result}: {path}")
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        self.stdout.write(
            "exported: " + (", ".join(f"{results[name]} {name}" for name in sorted(results)) or "nothing")
        )
