"""A thread from a public-inbox: `<archive>/<Message-ID>/t.mbox.gz`, from hosts that are allowed, within bounds.

NotFetched   it could not be had; the text says why
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import zlib
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import quote, urlsplit

from django.conf import settings

from discussion.letters import MAX_BYTES

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
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.HTTPHandler, urllib.request.HTTPSHandler, urllib.request.HTTPDefaultErrorHandler,
                    urllib.request.HTTPErrorProcessor, _Redirects):  # fmt: skip
        opener.add_handler(handler())
    request = urllib.request.Request(address, headers={"User-Agent": _AGENT})  # noqa: S310 - the scheme was checked
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return unpacked(_received(answer))
    except urllib.error.HTTPError as error:
        raise NotFetched(f"the archive answered {error.code}") from None
    except (OSError, HTTPException) as error:
        raise NotFetched(f"the archive could not be reached ({type(error).__name__})") from None


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


def _received(answer: IO[bytes]) -> bytes:
    """The whole body, within bounds of size and of time: a socket's timeout alone lets a slow sender go on for ever."""
    end, pieces, size = time.monotonic() + SECONDS, [], 0
    while piece := answer.read(64 << 10):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_RECEIVED_BYTES:
            raise NotFetched(f"the thread is larger than {MAX_RECEIVED_BYTES} bytes")
        if time.monotonic() > end:
            raise NotFetched(f"the thread did not come within {SECONDS:.0f} seconds")
    return b"".join(pieces)


def unpacked(body: bytes) -> bytes:
    """What gzip holds, up to the size that is read; other bytes as they are. Raises `NotFetched`."""
    if body[:2] != b"\x1f\x8b":
        return body
    made, rest = [], body
    left = MAX_BYTES
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
