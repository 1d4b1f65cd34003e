"""How gunicorn serves the site: `gunicorn -c config/server.py config.wsgi --bind ADDRESS`.

A thread reads a request before it works on it, and gunicorn waits for a slow sender without end: as many stalled
uploads as there are threads would stop the site. So each connection has to send within a time, or is closed. Many slow
senders still keep threads busy for that long; behind a proxy that buffers requests (deploy/nginx.conf.template) none
of them reaches us.
"""

from __future__ import annotations

import errno
import gc
import logging.config
import os
import shutil
import socket
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

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


# Counters that the processes of one server share: prometheus_client adds them up, whichever is asked.
_COUNTERS, _PREFIX = "PROMETHEUS_MULTIPROC_DIR", "unmigratable-counters-"


def _share_counters() -> None:
    """Before anything of ours is imported, which would decide otherwise. What a server has inherited from another one
    is not its own: that one takes it away when it ends. After a reload it is there, and goes on counting."""
    folder = Path(os.environ.get(_COUNTERS, ""))
    if _COUNTERS not in os.environ or (folder.name.startswith(_PREFIX) and not _is_own(folder)):
        os.environ[_COUNTERS] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def _is_own(folder: Path) -> bool:
    return folder.name.startswith(f"{_PREFIX}{os.getpid()}-")


def post_worker_init(worker: Any) -> None:
    """Leaves what stays to the end out of garbage collection. A full one went through 220,000 objects, for a quarter
    of a second, and the page that allocated one too many waited for it."""
    from django.conf import settings

    import_module(settings.ROOT_URLCONF)  # and with it the views, which the first request would import after this
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    folder = Path(os.environ[_COUNTERS])
    if _is_own(folder):
        shutil.rmtree(folder, ignore_errors=True)


def on_starting(server: Any) -> None:
    """Before any worker: one that cannot start is started again and again."""
    _share_counters()
    # Here, and not above: where gunicorn reads this file, our folder is not on the path yet.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.startup import starting

    with starting.or_a_sentence():
        starting.demand_settings()
        starting.demand_free(server.cfg.address)
        starting.demand_database()
        from config.celery import app

        starting.demand_broker(app)
    from django.conf import settings

    # Gunicorn's own lines as all others.
    logging.config.dictConfig(settings.LOGGING)
    server.log.error_log.handlers, server.log.error_log.propagate = [], True
