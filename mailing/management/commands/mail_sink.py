"""A mail server on this machine that shows what is sent and delivers nothing, to try it: see docs/operations.md."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from aiosmtpd.smtp import SMTP
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8025)

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._serve(options["port"]))

    async def _serve(self, port: int) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        server = await loop.create_server(lambda: SMTP(self, hostname="localhost"), "127.0.0.1", port)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        self.stdout.write(f"UNMIGRATABLE_SMTP=smtp://127.0.0.1:{port} sends here.")
        self.stdout.flush()
        await over.wait()
        server.close()

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        text = bytes(envelope.content).decode(errors="replace").replace("\r\n", "\n")
        self.stdout.write(f"==== from {envelope.mail_from} to {', '.join(envelope.rcpt_tos)}\n{text}")
        self.stdout.flush()
        return "250 shown"
