"""9P2000.L, as much of it as one file of zeroes needs: message in, reply out.

Each message is size[4] type[1] tag[2] and a body, little-endian; the reply's type is the request's plus
one. Kernel side: include/net/9p/9p.h, net/9p/protocol.c.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from typing import Callable, Dict, List

LERROR, STATFS, LOPEN, GETATTR, SETATTR, XATTRWALK, FSYNC = 7, 8, 12, 24, 26, 30, 50
VERSION, ATTACH, FLUSH, WALK, READ, WRITE, CLUNK = 100, 104, 108, 110, 116, 118, 120

MESSAGE_BYTES = 1 << 17
FILE_NAME = "f"
_HEAD = struct.Struct("<IBH")
_ROOT, _FILE = 1, 2
_DIRECTORY = 0x80
_BASIC = 0x7FF  # P9_GETATTR_BASIC


@dataclass(frozen=True)
class Request:
    type: int
    tag: int
    body: bytes


class Messages:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._left = b""

    def cut(self, data: bytes) -> List[Request]:
        self._left += data
        found = []
        while len(self._left) >= _HEAD.size:
            size, kind, tag = _HEAD.unpack_from(self._left)
            if len(self._left) < size:
                break
            found.append(Request(kind, tag, self._left[_HEAD.size : size]))
            self._left = self._left[size:]
        return found


class Served:
    """The one file, and which of its two nodes each of the client's fids stands for."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.nodes: Dict[int, int] = {}

    def reply(self, request: Request) -> bytes:
        """The bytes of the answer; what is not known is answered with an error, as the protocol wants it."""
        make = _ANSWERS.get(request.type)
        try:
            if make is None:
                raise OSError(errno.EOPNOTSUPP, "")
            kind, body = request.type + 1, make(self, request.body)
        except OSError as error:
            kind, body = LERROR, struct.pack("<I", error.errno or errno.EIO)
        return _HEAD.pack(_HEAD.size + len(body), kind, request.tag) + body

    def _qid(self, node: int) -> bytes:
        return struct.pack("<BIQ", _DIRECTORY if node == _ROOT else 0, 0, node)

    def version(self, body: bytes) -> bytes:
        (size,) = struct.unpack_from("<I", body)
        return struct.pack("<I", min(size, MESSAGE_BYTES)) + _text("9P2000.L")

    def attach(self, body: bytes) -> bytes:
        (fid,) = struct.unpack_from("<I", body)
        self.nodes[fid] = _ROOT
        return self._qid(_ROOT)

    def walk(self, body: bytes) -> bytes:
        fid, new, count = struct.unpack_from("<IIH", body)
        node, place, walked = self.nodes[fid], 10, []
        for _ in range(count):
            (length,) = struct.unpack_from("<H", body, place)
            name = body[place + 2 : place + 2 + length].decode()
            place += 2 + length
            if node != _ROOT or name not in (FILE_NAME, "."):
                raise OSError(errno.ENOENT, "")
            node = _FILE if name == FILE_NAME else node
            walked.append(self._qid(node))
        self.nodes[new] = node
        return struct.pack("<H", len(walked)) + b"".join(walked)

    def getattr(self, body: bytes) -> bytes:
        (fid,) = struct.unpack_from("<I", body)
        node = self.nodes[fid]
        mode, size = (0o40755, 0) if node == _ROOT else (0o100600, self.size_bytes)
        told = struct.pack("<Q", _BASIC) + self._qid(node)
        told += struct.pack("<IIIQQQQQ", mode, 0, 0, 1, 0, size, 4096, (size + 511) // 512)
        return told + bytes(8 * 10)  # four times in seconds and nanoseconds, generation, version of the data

    def lopen(self, body: bytes) -> bytes:
        (fid,) = struct.unpack_from("<I", body)
        return self._qid(self.nodes[fid]) + struct.pack("<I", 0)

    def read(self, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<IQI", body)
        got = max(0, min(size, self.size_bytes - offset, MESSAGE_BYTES - 24))
        return struct.pack("<I", got) + bytes(got)

    def write(self, body: bytes) -> bytes:
        _, _, size = struct.unpack_from("<IQI", body)
        return struct.pack("<I", size)

    def clunk(self, body: bytes) -> bytes:
        (fid,) = struct.unpack_from("<I", body)
        self.nodes.pop(fid, None)
        return b""

    def statfs(self, body: bytes) -> bytes:
        return struct.pack("<IIQQQQQQI", 0x01021997, 4096, 1 << 20, 1 << 19, 1 << 19, 16, 8, 0, 255)

    def nothing(self, body: bytes) -> bytes:
        return b""


def flushed(request: Request) -> int:
    """The tag of the request that a Tflush takes back."""
    (tag,) = struct.unpack_from("<H", request.body)
    return int(tag)


def _text(value: str) -> bytes:
    return struct.pack("<H", len(value.encode())) + value.encode()


_Answer = Callable[[Served, bytes], bytes]
_ANSWERS: Dict[int, _Answer] = {
    VERSION: Served.version,
    ATTACH: Served.attach,
    WALK: Served.walk,
    GETATTR: Served.getattr,
    LOPEN: Served.lopen,
    READ: Served.read,
    WRITE: Served.write,
    CLUNK: Served.clunk,
    STATFS: Served.statfs,
    SETATTR: Served.nothing,
    FSYNC: Served.nothing,
    FLUSH: Served.nothing,
}
