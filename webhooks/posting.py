"""One signed message, sent: to an address that was resolved and judged just before, within bounds of time and bytes.

Nothing is raised: whatever happens is an `Answer`. The receiver's body is read to keep the protocol, and thrown away.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks import Webhook

from webhooks import addresses

CONNECT_SECONDS = 4.0
SECONDS = 10.0  # for all of it: a socket's own timeout begins anew with every byte
MOST_BYTES = 16 << 10
MOST_ADDRESSES = 2


@dataclass(frozen=True)
class Answer:
    """`status` is None where none came; `said` is for the log."""

    status: int | None
    said: str
    seconds: float

    @property
    def is_ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410


def headers(message_id: str, body: str, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """As standardwebhooks.com has them; a signature for each secret, the newest first."""
    return {
        "content-type": "application/json",
        "user-agent": "unmigratable-webhooks",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, now, body) for secret in secrets),
    }


def post(url: str, message_id: str, body: str, secrets: Sequence[str]) -> Answer:
    start = time.monotonic()

    def answer(status: int | None, said: str) -> Answer:
        return Answer(status, said, round(time.monotonic() - start, 3))

    try:
        target = addresses.read(url)
        texts = addresses.resolved(target)
    except addresses.Refused as refused:
        return answer(None, f"not sent: {refused}")
    signed = headers(message_id, body, secrets, datetime.now(UTC))
    deadline = _Deadline(max(0.1, SECONDS - (time.monotonic() - start)))
    try:
        status = _exchanged(target, texts[:MOST_ADDRESSES], body, signed, deadline)
    except ssl.SSLCertVerificationError as error:
        return answer(None, f"its certificate was not accepted ({error.verify_message})"[:200])
    except (OSError, http.client.HTTPException, ValueError) as error:
        if deadline.is_over or isinstance(error, TimeoutError):
            return answer(None, f"no answer within {SECONDS:.0f} seconds")
        return answer(None, f"no answer ({type(error).__name__})")
    finally:
        deadline.timer.cancel()
    if deadline.is_over:
        return answer(None, f"no answer within {SECONDS:.0f} seconds")
    said = "redirects are not followed" if 300 <= status < 400 else http.client.responses.get(status, "")
    return answer(status, said)


class _Deadline:
    """Ends a connection, wherever it stands."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self.socket: socket.socket | None = None
        self.timer = threading.Timer(seconds, self._end)
        self.timer.daemon = True
        self.timer.start()

    def watch(self, one: socket.socket) -> None:
        self.socket = one
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        if self.socket is not None:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed meanwhile


def _exchanged(
    target: addresses.Target, texts: Sequence[str], body: str, signed: dict[str, str], deadline: _Deadline
) -> int:
    plain = _connected(texts, target.port, deadline)
    try:
        if target.is_tls:
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=target.host)
            deadline.watch(plain)
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = plain  # to the address that was judged; by itself it would resolve the name again
        connection.auto_open = 0
        connection.request("POST", target.path, body.encode(), {**signed, "host": target.host_header})
        with connection.getresponse() as response:
            response.read(MOST_BYTES)
            return response.status
    finally:
        plain.close()


def _connected(texts: Sequence[str], port: int, deadline: _Deadline) -> socket.socket:
    for number, text in enumerate(texts):
        try:
            made = socket.create_connection((text, port), CONNECT_SECONDS)
        except OSError:
            if number == len(texts) - 1 or deadline.is_over:
                raise
            continue
        made.settimeout(SECONDS)
        deadline.watch(made)
        return made
    raise OSError("no address")
