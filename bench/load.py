"""A load generator of raw sockets: it must not cost more than what it measures."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

WAIT_SECONDS = 60.0
MARK = b"RUN-ID-OF-THIS-ONE-IS-HERE-123456"


@dataclass
class Told:
    answers: int = 0
    seconds: float = 0.0
    bad: int = 0
    refusal: int = 0  # the status of one that was not taken

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


def request(path: str, body: bytes, secret: str, kind: str = "application/json", scheme: str = "Bearer") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nAuthorization: {scheme} {secret}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer(file: object) -> int:
    """Reads one response from a buffered socket file; its status."""
    status = int(file.readline().split()[1])  # type: ignore[attr-defined]
    length = 0
    while (line := file.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    file.read(length)  # type: ignore[attr-defined]
    return status


def once(port: int, asked: bytes) -> int:
    """One request on a connection of its own; its status."""
    with socket.create_connection(("127.0.0.1", port), WAIT_SECONDS) as sock, sock.makefile("rb") as file:
        sock.sendall(asked)
        return answer(file)


def drive(
    port: int, template: bytes, ids: Iterator[bytes], seconds: float, connections: int, good_is: int = 202
) -> Told:
    """One request at a time on each of so many connections, for so many seconds."""
    told, lock, end = Told(), threading.Lock(), time.monotonic() + seconds
    before, after = template.split(MARK)

    def one() -> None:
        good = bad = 0
        sock = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        file = sock.makefile("rb")
        while time.monotonic() < end:
            with lock:
                name = next(ids)
            sock.sendall(before + name + after)
            status = answer(file)
            if status == good_is:
                good += 1
            else:
                bad, told.refusal = bad + 1, status
        sock.close()
        with lock:
            told.answers += good
            told.bad += bad

    threads = [threading.Thread(target=one) for _ in range(connections)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.seconds = time.monotonic() - start
    return told
