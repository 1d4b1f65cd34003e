"""The FUSE protocol, as much of it as one file of zeroes needs: request bytes in, reply bytes out.

Kernel side: include/uapi/linux/fuse.h. Spoken is 7.31, which every kernel since 5.4 understands.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, OPENDIR, RELEASEDIR, FSYNCDIR, ACCESS, INTERRUPT, BATCH_FORGET = 20, 25, 26, 27, 29, 30, 34, 36, 42
NAMES: Dict[int, str] = {READ: "FUSE_READ", WRITE: "FUSE_WRITE"}

ASYNC_READ, BIG_WRITES, WRITEBACK_CACHE, MAX_PAGES = 1, 1 << 5, 1 << 16, 1 << 22
_FOPEN_KEEP_CACHE = 2
_ROOT, _FILE = 1, 2
_FOR_AN_HOUR = 3600
_MAX_BACKGROUND, _CONGESTION = 64, 48
_MAX_WRITE_BYTES, _MAX_WRITE_PAGES = 1 << 20, 256
_NO_REPLY = (FORGET, BATCH_FORGET, INTERRUPT)
_EMPTY_REPLY = (RELEASE, FSYNC, FLUSH, RELEASEDIR, FSYNCDIR, ACCESS)

FILE_NAME = "f"
BUFFER_BYTES = _MAX_WRITE_BYTES + 8192


@dataclass(frozen=True)
class Request:
    opcode: int
    unique: int
    node: int
    body: bytes


@dataclass(frozen=True)
class File:
    """The one file: its size, and what the file system asks of the kernel at FUSE_INIT."""

    size_bytes: int
    writeback_cache: bool
    max_readahead_bytes: int


def parse(data: bytes) -> Request:
    _, opcode, unique, node = struct.unpack_from("<IIQQ", data)
    return Request(opcode, unique, node, data[40:])


def reply(request: Request, file: File, now_seconds: int) -> Optional[bytes]:
    """The bytes to write to /dev/fuse; None where the kernel expects none."""
    if request.opcode in _NO_REPLY:
        return None
    if request.opcode in _EMPTY_REPLY:
        return _framed(request, 0, b"")
    make = _ANSWERS.get(request.opcode)
    if make is None:
        return _framed(request, -errno.ENOSYS, b"")
    return _framed(request, *make(request, file, now_seconds))


def _framed(request: Request, error: int, body: bytes) -> bytes:
    return struct.pack("<IiQ", 16 + len(body), error, request.unique) + body


_Answer = Tuple[int, bytes]


def _init(request: Request, file: File, now: int) -> _Answer:
    _, minor, readahead, flags = struct.unpack_from("<4I", request.body)
    wanted = ASYNC_READ | BIG_WRITES | MAX_PAGES | (WRITEBACK_CACHE if file.writeback_cache else 0)
    limits = (_MAX_BACKGROUND, _CONGESTION, _MAX_WRITE_BYTES, 1, _MAX_WRITE_PAGES)
    head = struct.pack("<4I", 7, min(minor, 31), min(readahead, file.max_readahead_bytes), flags & wanted)
    return 0, head + struct.pack("<HHIIHHII6I", *limits, 0, 0, 0, *[0] * 6)


def _attributes(node: int, file: File, now: int) -> bytes:
    size, mode = (0, 0o40755) if node == _ROOT else (file.size_bytes, 0o100600)
    blocks = (size + 511) // 512
    owner = os.getuid(), os.getgid()  # in a user namespace, root would be nobody who may open it for writing
    return struct.pack("<6Q10I", node, size, blocks, now, now, now, 0, 0, 0, mode, 1, *owner, 0, 4096, 0)


def _lookup(request: Request, file: File, now: int) -> _Answer:
    if request.body.split(b"\0")[0] != FILE_NAME.encode():
        return -errno.ENOENT, b""
    entry = struct.pack("<4Q2I", _FILE, 0, _FOR_AN_HOUR, _FOR_AN_HOUR, 0, 0)
    return 0, entry + _attributes(_FILE, file, now)


def _getattr(request: Request, file: File, now: int) -> _Answer:
    return 0, struct.pack("<QII", _FOR_AN_HOUR, 0, 0) + _attributes(request.node, file, now)


def _open(request: Request, file: File, now: int) -> _Answer:
    return 0, struct.pack("<QII", 1, _FOPEN_KEEP_CACHE, 0)


def _read(request: Request, file: File, now: int) -> _Answer:
    offset, size = struct.unpack_from("<QI", request.body, 8)
    return 0, bytes(max(0, min(size, file.size_bytes - offset)))


def _write(request: Request, file: File, now: int) -> _Answer:
    (size,) = struct.unpack_from("<I", request.body, 16)
    return 0, struct.pack("<II", size, 0)


def _statfs(request: Request, file: File, now: int) -> _Answer:
    return 0, struct.pack("<5Q4I6I", 1 << 20, 1 << 19, 1 << 19, 16, 8, 4096, 255, 4096, 0, *[0] * 6)


_ANSWERS: Dict[int, Callable[[Request, File, int], _Answer]] = {
    INIT: _init,
    LOOKUP: _lookup,
    GETATTR: _getattr,
    SETATTR: _getattr,
    OPEN: _open,
    OPENDIR: _open,
    READ: _read,
    WRITE: _write,
    STATFS: _statfs,
}
