"""A mail server on loopback that keeps what it got, answers as it is told to, and knows when it was cut off."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from tests.running import free_port


@dataclass
class Got:
    sender: str
    to: str
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        """By the standard library, and strictly."""
        return email.message_from_bytes(self.raw, policy=email.policy.SMTP.clone(raise_on_defect=True))  # type: ignore[return-value]

    @property
    def text(self) -> str:
        return str(self.parsed.get_content()).replace("\r\n", "\n")


@dataclass
class Sink:
    """`mail`, `rcpt` and `data`: the answer to a sender, an address and a text; '' accepts."""

    hangs_up: bool = False  # after each mail
    rcpt: Callable[[str], str] = lambda to: ""
    data: Callable[[str], str] = lambda to: ""
    mail: Callable[[str], str] = lambda sender: ""
    seconds: float = 0.0
    got: list[Got] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if refused := self.mail(address):
            return refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        if refused := self.rcpt(address):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if refused := self.data(envelope.rcpt_tos[0]):
            if refused == "cut":
                server.transport.abort()
            return refused
        if self.hangs_up:
            asyncio.get_running_loop().call_later(0.05, server.transport.abort)
        self.got.append(Got(envelope.mail_from, envelope.rcpt_tos[0], bytes(envelope.content)))
        return "250 taken"

    def to(self, address: str) -> list[Got]:
        return [one for one in self.got if one.to == address]


@contextmanager
def sinking(sink: Sink) -> Iterator[Sink]:
    sink.port = sink.port or free_port()
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=20)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


def settled(sink: Sink, seconds: float = 5.0) -> int:
    """How many it got, once none came for a moment."""
    end, before = time.monotonic() + seconds, -1
    while time.monotonic() < end and before != len(sink.got):
        before = len(sink.got)
        threading.Event().wait(0.3)
    return len(sink.got)
