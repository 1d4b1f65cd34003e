"""Takes one mail from standard input, as a pipe from any mail server. Its exit code says what to do with it (sysexits):
0 taken, 67 no such address, 65 not this mail, 77 not allowed, 75 try again later."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from discussion.answers import receiving
from discussion.answers.reading import MAX_BYTES
from discussion.answers.receiving import Code

log = logging.getLogger(__name__)
EXITS = {
    Code.TAKEN: os.EX_OK,
    Code.LATER: os.EX_TEMPFAIL,
    Code.FULL: os.EX_TEMPFAIL,
    Code.NO_ADDRESS: os.EX_NOUSER,
    Code.TOO_LARGE: os.EX_DATAERR,
    Code.NOT_THIS: os.EX_DATAERR,
    Code.NOT_ALLOWED: os.EX_NOPERM,
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipient", help="The envelope's, whole: answer+…@the site's domain for mail.")

    def handle(self, *args: Any, **options: Any) -> None:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        try:
            answer = receiving.receive(raw, options["recipient"])
        except Exception:
            log.exception("a mail broke something")
            sys.exit(os.EX_TEMPFAIL)  # no fault of the mail: it is kept by the server, and tried again
        if answer.code is not Code.TAKEN:
            self.stderr.write(answer.text)
        sys.exit(EXITS[answer.code])
