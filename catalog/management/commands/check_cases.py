"""Checks case and strategy files, line by line, without loading anything."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.documents import links
from catalog.documents.parser import Problem
from catalog.revisions import files


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="*", type=Path, help="Default: every file of the catalog.")
        parser.add_argument("--links", action="store_true", help="Also fetch every link, and tell of the dead ones.")

    def handle(self, *args: Any, **options: Any) -> None:
        paths = options["file"] or files.all_files()
        found = 0
        for path in paths:
            if not path.is_file():
                raise CommandError(f"{path}: no such file")
            problems = files.check(path)
            for problem in problems:
                self.stderr.write(problem.at(path))
            found += len(problems)
            if options["links"] and not problems:
                found += self._dead(path)
        if found:
            raise CommandError(f"{_number(found, 'problem')} in {_number(len(paths), 'file')}")
        self.stdout.write(f"{_number(len(paths), 'file')} checked, nothing to mend")

    def _dead(self, path: Path) -> int:
        """Only what is surely gone counts: a server that refuses a script may still serve people."""
        dead = 0
        for found in links.tried(links.of(path.read_bytes().decode())):
            dead += found.is_dead
            said = f"{'dead link' if found.is_dead else 'could not be tried'}: {found.place.url}: {found.what}"
            self.stderr.write(Problem(found.place.line, found.place.field, said).at(path))
        return dead


def _number(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
