"""A thread from a public-inbox: `<archive>/<Message-ID>/t.mbox.gz`, from hosts that are allowed, within bounds.

NotFetched   it could not be had; the text says why
"""

from __future__ import annotations

import socket
import ssl
import threading
import urllib.error
import urllib.request
import zlib
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO
from urllib.parse import quote, urlsplit

from django.conf import settings

from discussion.mail.letters import MAX_BYTES

MAX_RECEIVED_BYTES = 8 << 20
MAX_MEMBERS = 1_000
SECONDS = 30.0
_AGENT = "unmigratable (fetches single threads on request of its editors)"


class NotFetched(Exception):
    pass


def thread(message_id: str) -> bytes:
    """The mbox of the thread that a Message-ID is in. Raises `NotFetched`."""
    address = f"{settings.ARCHIVE}{quote(message_id, safe='@')}/t.mbox.gz"
    _checked(address)
    request = urllib.request.Request(address, headers={"User-Agent": _AGENT})  # noqa: S310 - the scheme was checked
    deadline = _Deadline()
    try:
        with _opener(deadline).open(request, timeout=SECONDS) as answer:
            body = _received(answer)
    except urllib.error.HTTPError as error:
        raise NotFetched(f"the archive answered {error.code}") from None
    except (OSError, HTTPException) as error:
        deadline.check()
        raise NotFetched(f"the archive could not be reached ({type(error).__name__})") from None
    finally:
        deadline.timer.cancel()
    deadline.check()
    return unpacked(body)


class _Deadline:
    """Ends a connection after SECONDS, wherever it stands: a socket's own timeout begins anew with every byte."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.is_over = False
        self.timer = threading.Timer(SECONDS, self._end)
        self.timer.daemon = True
        self.timer.start()

    def _end(self) -> None:
        self.is_over = True
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed meanwhile

    def check(self) -> None:
        if self.is_over:
            raise NotFetched(f"the thread did not come within {SECONDS:.0f} seconds")


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            deadline.sockets.append(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            deadline.sockets.append(self.sock)

    class Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
        def http_open(self, req: urllib.request.Request) -> HTTPResponse:
            return self.do_open(Plain, req)

        def https_open(self, req: urllib.request.Request) -> HTTPResponse:
            return self.do_open(Secure, req, context=ssl.create_default_context())

    opener = urllib.request.OpenerDirector()
    for handler in (Handler, urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor, _Redirects):
        opener.add_handler(handler())
    return opener


def _checked(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in (("https", "http") if settings.LOCAL else ("https",)):
        raise NotFetched("the archive is asked over https alone")
    if parts.netloc not in settings.ARCHIVE_HOSTS:
        raise NotFetched(f"{parts.netloc[:100]} is no host that mail may be fetched from")


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 3

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _checked(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _received(answer: HTTPResponse) -> bytes:
    """The whole body, within the bound; each read returns what there is and does not wait for more."""
    pieces, size = [], 0
    while piece := answer.read1(64 << 10):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_RECEIVED_BYTES:
            raise NotFetched(f"the thread is larger than {MAX_RECEIVED_BYTES} bytes")
    return b"".join(pieces)


def unpacked(body: bytes) -> bytes:
    """What gzip holds, up to the size that is read; other bytes as they are. Raises `NotFetched`."""
    if body[:2] != b"\x1f\x8b":
        return body
    made: list[bytes] = []
    rest, left = body, MAX_BYTES
    try:
        while rest:  # gzip allows several members, one after another; each copies what follows it
            if len(made) == MAX_MEMBERS:
                raise NotFetched(f"the packed thread has more than {MAX_MEMBERS} members")
            member = zlib.decompressobj(wbits=31)
            piece = member.decompress(rest, left + 1)
            made.append(piece)
            left -= len(piece)
            if left < 0:
                raise NotFetched(f"the thread is larger than {MAX_BYTES} bytes when unpacked")
            if not member.eof:
                raise NotFetched("the packed thread ends too early")
            rest = member.unused_data
    except zlib.error:
        raise NotFetched("the packed thread is damaged") from None
    return b"".join(made)
