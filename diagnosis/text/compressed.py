"""A log as rotation leaves it: packed by gzip, xz or bzip2. For the command lines; the site has limits of its own.

CannotUnpack      packed in another way, or not whole
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import Any

_GZIP = 16 + zlib.MAX_WBITS
_ZSTD = b"\x28\xb5\x2f\xfd"


class CannotUnpack(Exception):
    """Says in one sentence why, and what to do."""


def unpacked(given: bytes, most: int) -> bytes:
    """Up to `most` bytes of what is in it. Bytes that are not packed are given back as they are."""
    if given[:4] == _ZSTD:
        raise CannotUnpack("packed by zstd, which Python cannot unpack by itself: give it the output of zstdcat")
    unpacker = _unpacker(given)
    if unpacker is None:
        return given
    try:
        made: bytes = unpacker.decompress(given, most)
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise CannotUnpack("packed, and cannot be unpacked: %s" % error) from None
    if not made and not unpacker.eof:
        raise CannotUnpack("packed, and cut before anything can be read")
    return made


def _unpacker(given: bytes) -> Any:
    if given[:2] == b"\x1f\x8b":
        return zlib.decompressobj(_GZIP)
    if given[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMADecompressor()
    return bz2.BZ2Decompressor() if given[:3] == b"BZh" else None
