"""Loads the case and strategy files. What was edited on the site is merged with them, and never overwritten.

Never stops the start: a file that cannot be loaded is told, and the site goes on with the text that it has. With
--strict it ends with an error then, for those who check a release before it is one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.revisions import files
from catalog.search import index


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help="end with an error where a file was not loaded")

    def handle(self, *args: Any, **options: Any) -> None:
        results: Counter[str] = Counter()
        for loaded in files.load(files.all_files()):
            results[loaded.result] += 1
            if loaded.result == "conflict":
                self.stderr.write(f"{loaded.path.name}: file and site changed the same lines; the site's text stays")
            for proposal in loaded.renamed:
                self.stderr.write(f"{loaded.path.name}: took its name from a proposal, which is {proposal} now")
            for problem in loaded.problems:
                self.stderr.write(problem.at(loaded.path.name))
        self.stdout.write("catalog: " + ", ".join(f"{number} {result}" for result, number in sorted(results.items())))
        if number := index.index_missing():
            self.stdout.write(f"search: {number} added to the index")
        if nr_left := results["malformed"]:
            told = f"NOT LOADED: {nr_left} files, for the reasons above. The site goes on without what they change."
            if options["strict"]:
                raise CommandError(told)
            self.stderr.write(told)
