"""Takes mail over LMTP from a mail server of this machine: answers, and what came back. See docs/operations.md."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from discussion.answers import lmtp


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--listen", default="127.0.0.1:8024", metavar="HOST:PORT", help="Of this machine alone.")
        parser.add_argument("--socket", default="", metavar="PATH", help="A socket of the file system instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MAIL_IN:
            raise CommandError("UNMIGRATABLE_MAIL_IN says for which domain mail comes in, and is not set.")
        host, _, port = options["listen"].rpartition(":")
        if not port.isdigit():
            raise CommandError("--listen: expected HOST:PORT")
        asyncio.run(self._serve(host.strip("[]"), int(port), options["socket"]))

    async def _serve(self, host: str, port: int, path: str) -> None:
        server = await lmtp.serve(host, port, path)
        over = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        self.stdout.write(f"LMTP for {settings.MAIL_IN} on {path or f'{host}:{port}'}")
        self.stdout.flush()
        await over.wait()
        server.close()
