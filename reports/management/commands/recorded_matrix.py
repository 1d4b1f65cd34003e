"""Prints what was recorded as one Markdown table, as docs/findings.md has it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from reports.recorded import files, matrix


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(matrix.table(files.every()), ending="")
