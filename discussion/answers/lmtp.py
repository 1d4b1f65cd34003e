"""LMTP (RFC 2033): a mail server of this machine hands mail over, and learns of each what became of it."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiosmtpd.lmtp import LMTP
from django.db import DatabaseError, close_old_connections

from discussion.answers import receiving
from discussion.answers.reading import MAX_BYTES
from discussion.answers.receiving import Answer, Code

log = logging.getLogger(__name__)
AT_ONCE = 2
SILENT_SECONDS = 60
LATER = Answer(Code.LATER, "Something is broken here; it was logged. Try again later.")


class Handler:
    """One recipient a mail: of two, each might become something else, and one answer is for both."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE)

    async def handle_RCPT(self, server: LMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time."
        found = await asyncio.get_running_loop().run_in_executor(self.pool, _safely, receiving.addressed, address)
        if isinstance(found, Answer):
            return str(found)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: LMTP, session: Any, envelope: Any) -> str:
        raw, to = bytes(envelope.original_content or b""), envelope.rcpt_tos[0]
        run = asyncio.get_running_loop().run_in_executor
        return str(await run(self.pool, _safely, receiving.receive, raw, to))


def _safely(act: Any, *arguments: Any) -> Any:
    """Whatever breaks here is no fault of the mail: the server keeps it and tries again."""
    try:
        close_old_connections()
        return act(*arguments)
    except DatabaseError as error:
        log.warning("mail is put off: %s", type(error).__name__)
        return LATER
    except Exception:
        log.exception("a mail broke something")
        return LATER
    finally:
        close_old_connections()


async def serve(host: str, port: int, path: str = "") -> asyncio.AbstractServer:
    """On a socket of the file system, for its user and group alone, or on an address of this machine."""
    loop, handler = asyncio.get_running_loop(), Handler()

    def made() -> LMTP:
        return LMTP(
            handler,
            data_size_limit=MAX_BYTES,
            hostname="unmigratable",
            ident="unmigratable",
            timeout=SILENT_SECONDS,
            loop=loop,
        )

    if not path:
        return await loop.create_server(made, host, port)
    before = os.umask(0o117)
    try:
        return await loop.create_unix_server(made, path)
    finally:
        os.umask(before)
