"""Says what holds the memory, from a log, a stack or a trace, by today's signatures. Stores nothing."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.documents.signatures import signatures
from diagnosis.answers import plain
from diagnosis.diagnose import diagnose
from diagnosis.text.compressed import CannotUnpack, unpacked

MAX_BYTES = 16 << 20


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="A file, packed or not, or `-` for standard input.")
        parser.add_argument("--kernel", default="", help="`uname -r` of the machine, if the text lacks it.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = diagnose(_given(options["file"]), signatures(), options["kernel"])
        self.stdout.write(plain.shown(found), ending="")


def _given(name: str) -> bytes:
    try:
        if name == "-":
            given = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as opened:
                given = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    try:
        given = unpacked(given, MAX_BYTES + 1)
    except CannotUnpack as error:
        raise CommandError(f"{name}: {error}") from None
    if len(given) > MAX_BYTES:
        raise CommandError(f"{name}: more than {MAX_BYTES >> 20} MiB")
    return given
