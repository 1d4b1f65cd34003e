"""The bytes of a request to the bytes of a report: decompressed, with a ceiling on what comes out."""

from __future__ import annotations

import zlib

import zstandard

from diagnosis.formats.faults import Fault
from reports.intake.refusals import Refusal

MAX_BODY_BYTES = 1 << 20
MAX_BATCH_BYTES = 32 << 20
MAX_WINDOW_BYTES = 8 << 20
_ENCODINGS = ("identity", "gzip", "zstd")
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def decoded(body: bytes, encoding: str, most: int | None = None) -> bytes:
    """The body without its Content-Encoding; at most `most` bytes, before and after. Raises `Refusal`."""
    most = most or MAX_BODY_BYTES
    encoding = encoding.strip().lower()
    if encoding not in _ENCODINGS:
        raise Refusal(
            "unknown-encoding",
            [Fault("Content-Encoding", "one of " + ", ".join(_ENCODINGS), encoding[:40] or "nothing")],
        )
    if len(body) > most:
        raise too_large(most)
    if encoding == "identity":
        return body
    try:
        made = _gunzipped(body, most) if encoding == "gzip" else _unzstd(body, most)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise Refusal("wrongly-compressed", [Fault("", f"one whole {encoding} stream", str(error)[:200])]) from None
    if len(made) > most:
        raise too_large(most)
    return made


def unpacked(file: bytes, most: int | None = None) -> bytes:
    """What is in a file that begins as gzip or zstd does, such as kern.log.2.gz; any other, and a broken one, as it
    is. At most `most` bytes come out. Raises `Refusal` where there is more."""
    encoding = next((name for magic, name in _MAGIC.items() if file.startswith(magic)), "identity")
    try:
        return decoded(file, encoding, most)
    except Refusal as refusal:
        if refusal.code == "wrongly-compressed":
            return file
        raise


def too_large(most: int) -> Refusal:
    return Refusal(
        "too-large",
        [Fault("", f"at most {most} bytes, also when decompressed; of a log the part around what went wrong", "more")],
    )


def _gunzipped(body: bytes, most: int) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    made = stream.decompress(body, most + 1)
    if len(made) > most:
        return made
    if not stream.eof:
        raise EOFError("the stream ends too early")
    if stream.unused_data:
        raise EOFError("bytes after the end of the stream")
    return made


def _unzstd(body: bytes, most: int) -> bytes:
    stream = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj(read_across_frames=False)
    made = bytearray()
    # zstd unpacks up to 32,768-fold, so no slice makes more than 2 MiB, or half of what may come out.
    size = max(64, most >> 16)
    for start in range(0, len(body), size):
        made += stream.decompress(body[start : start + size])
        if len(made) > most:
            return bytes(made)
        if stream.eof and start + size < len(body):
            raise EOFError("bytes after the end of the stream")
    if not stream.eof or stream.unused_data:
        raise EOFError("the stream ends too early, or has bytes after it")
    return bytes(made)
