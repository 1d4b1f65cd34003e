"""The bytes of a request to the bytes of a report: decompressed, with a ceiling on what comes out."""

from __future__ import annotations

import zlib

import zstandard

from diagnosis.faults import Fault
from reports.refusals import Refusal

MAX_BODY_BYTES = 1 << 20
MAX_WINDOW_BYTES = 8 << 20
_SLICE = 64  # zstd unpacks up to 32,768-fold, so no slice makes more than 2 MiB
_ENCODINGS = ("identity", "gzip", "zstd")


def decoded(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding; at most MAX_BODY_BYTES, before and after. Raises `Refusal`."""
    encoding = encoding.strip().lower() or "identity"
    if encoding not in _ENCODINGS:
        raise Refusal("unknown-encoding", [Fault("Content-Encoding", "one of " + ", ".join(_ENCODINGS), encoding[:40])])
    if len(body) > MAX_BODY_BYTES:
        raise too_large()
    if encoding == "identity":
        return body
    try:
        made = _gunzipped(body) if encoding == "gzip" else _unzstd(body)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise Refusal("wrongly-compressed", [Fault("", f"one whole {encoding} stream", str(error)[:200])]) from None
    if len(made) > MAX_BODY_BYTES:
        raise too_large()
    return made


def too_large() -> Refusal:
    return Refusal("too-large", [Fault("", f"at most {MAX_BODY_BYTES} bytes, also when decompressed", "more")])


def _gunzipped(body: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    made = stream.decompress(body, MAX_BODY_BYTES + 1)
    if len(made) > MAX_BODY_BYTES:
        return made
    if not stream.eof:
        raise EOFError("the stream ends too early")
    if stream.unused_data:
        raise EOFError("bytes after the end of the stream")
    return made


def _unzstd(body: bytes) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj(read_across_frames=False)
    made = bytearray()
    for start in range(0, len(body), _SLICE):
        made += stream.decompress(body[start : start + _SLICE])
        if len(made) > MAX_BODY_BYTES:
            return bytes(made)
        if stream.eof and start + _SLICE < len(body):
            raise EOFError("bytes after the end of the stream")
    if not stream.eof or stream.unused_data:
        raise EOFError("the stream ends too early, or has bytes after it")
    return bytes(made)
