"""Bodies as they are stored: zstd."""

from __future__ import annotations

import threading

import zstandard

from reports.models import Kept, Payload, Shared

ZSTD_LEVEL = 3


def packed(body: bytes) -> bytes:
    return _compressor().compress(body)


def unpacked(payload: Payload | Shared | Kept) -> bytes:
    if payload.body is None:
        raise ValueError("It was decided on: its text is gone.")
    return zstandard.ZstdDecompressor().decompress(bytes(payload.body))


_own = threading.local()


def _compressor() -> zstandard.ZstdCompressor:
    """One for each thread: they must not be shared, and making one takes longer than packing a report."""
    if not hasattr(_own, "compressor"):
        _own.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    compressor: zstandard.ZstdCompressor = _own.compressor
    return compressor
