"""Prints what was recorded as one Markdown table, as docs/findings.md has it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from reports import recorded, recorded_matrix


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(recorded_matrix.table(recorded.every()), ending="")
