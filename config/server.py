"""How gunicorn serves the site: `gunicorn -c config/server.py config.wsgi --bind ADDRESS`.

A thread reads a request before it works on it, and gunicorn waits for a slow sender without end: as many stalled
uploads as there are threads would stop the site. So each connection has to send within a time, or is closed. Many slow
senders still keep threads busy for that long; behind a proxy that buffers requests (deploy/nginx.conf) none of them
reaches us.
"""

from __future__ import annotations

import errno
import socket
import time

from gunicorn.workers.gthread import TConn, ThreadWorker

# A request may be silent for so long, and has so long in all; every so many bytes that it sends buy a second more.
SILENT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
BYTES_A_SECOND = 16 << 10


class TimedSocket(socket.socket):
    """A client's connection whose requests have to come within a time. A late one reads as a connection reset, which
    gunicorn ends without a word in the log."""

    deadline = float("inf")

    def begin_request(self) -> None:
        self.deadline = time.monotonic() + REQUEST_SECONDS

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        asked = self.gettimeout()
        left = min(self.deadline - time.monotonic(), SILENT_SECONDS, asked or SILENT_SECONDS)
        try:
            self.settimeout(max(left, 0.001))
            data = super().recv(size, flags)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the request came too slowly") from None
        finally:
            self.settimeout(asked)
        self.deadline += len(data) / BYTES_A_SECOND
        return data


class TimedWorker(ThreadWorker):
    def enqueue_req(self, conn: TConn) -> None:
        if not isinstance(conn.sock, TimedSocket):
            blocking = conn.sock.getblocking()
            conn.sock = TimedSocket(fileno=conn.sock.detach())
            conn.sock.setblocking(blocking)
        conn.sock.begin_request()
        super().enqueue_req(conn)


worker_class = TimedWorker
workers = 2
threads = 16
graceful_timeout = 5
keepalive = 5
loglevel = "warning"
# An interface to the running server in the home directory of whoever started it: nobody here asks it anything.
control_socket_disable = True
