"""What a network block device asks and is told (include/uapi/linux/nbd.h)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import List

READ, WRITE, DISCONNECT = 0, 1, 2
_REQUEST = struct.Struct(">II8sQI")
_REPLY = struct.Struct(">II8s")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_EIO = 5


@dataclass(frozen=True)
class Request:
    """`data` is what is to be written; empty for others."""

    kind: int
    handle: bytes
    start: int
    nr_bytes: int
    data: bytes


@dataclass
class Requests:
    """Cuts what comes over the socket into whole requests."""

    _left: bytes = field(default=b"")

    def cut(self, data: bytes) -> List[Request]:
        self._left += data
        found: List[Request] = []
        while len(self._left) >= _REQUEST.size:
            magic, kind, handle, start, nr_bytes = _REQUEST.unpack_from(self._left)
            if magic != _REQUEST_MAGIC:
                raise ValueError("not a request of a network block device: %08x" % magic)
            end = _REQUEST.size + (nr_bytes if kind & 0xFFFF == WRITE else 0)
            if len(self._left) < end:
                break
            found.append(Request(kind & 0xFFFF, handle, start, nr_bytes, self._left[_REQUEST.size : end]))
            self._left = self._left[end:]
        return found


def reply(request: Request, data: bytes = b"") -> bytes:
    return _REPLY.pack(_REPLY_MAGIC, 0, request.handle) + data


def refused(request: Request) -> bytes:
    return _REPLY.pack(_REPLY_MAGIC, _EIO, request.handle)
