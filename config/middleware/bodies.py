"""A request's body is read before anything else is done for the request.

A view that asked the database for a token first, and then waited for a slow body, would hold its connection for as
long: eight stalled uploads would take the pool, and everybody else a 503.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

# A larger one is read by the view that takes it: most are refused by their length alone, and a sender is told at once.
MOST_BYTES = 1 << 20
PIECE_BYTES = 1 << 16

Answer = Iterable[bytes]
Application = Callable[[dict[str, Any], Callable[..., Any]], Answer]


class ReadFirst:
    """WSGI middleware: the application finds a body of up to `MOST_BYTES` in memory. One that ends early, or comes too
    slowly (config.server), is answered 408."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isascii() and length.isdigit() and len(length) < 10 and 0 < int(length) <= MOST_BYTES:
            try:
                environ["wsgi.input"] = _read(environ["wsgi.input"], int(length))
            except OSError:
                return _answer_timeout(start_response)
        return self.application(environ, start_response)


def _read(source: Any, length: int) -> io.BytesIO:
    body = io.BytesIO()
    while body.tell() < length:
        piece = source.read(min(length - body.tell(), PIECE_BYTES))
        if not piece:
            raise ConnectionResetError("the body ended early")
        body.write(piece)
    body.seek(0)
    return body


def _answer_timeout(start_response: Callable[..., Any]) -> Answer:
    text = b"The body did not come whole, or not within the time that a request has.\n"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text))), ("Connection", "close")]
    start_response("408 Request Timeout", headers)
    return [text]
