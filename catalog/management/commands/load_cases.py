"""Loads the case and strategy files. What was edited on the site is merged with them, and never overwritten."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog import files, indexing


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        results: Counter[str] = Counter()
        for loaded in files.load(files.all_files()):
            results[loaded.result] += 1
            if loaded.result == "conflict":
                self.stderr.write(f"{loaded.path.name}: file and site changed the same lines; the site's text stays")
            for problem in loaded.problems:
                self.stderr.write(problem.at(loaded.path.name))
        self.stdout.write("catalog: " + ", ".join(f"{number} {result}" for result, number in sorted(results.items())))
        if number := indexing.index_missing():
            self.stdout.write(f"search: {number} added to the index")
        if results["malformed"]:
            raise CommandError("some files were not loaded")
