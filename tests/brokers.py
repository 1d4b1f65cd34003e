"""The brokers that tests and bench.chaos run on: the file system, and RabbitMQ and Redis where they are there.

    broker = at("amqp://guest:guest@127.0.0.1:5672//", var)     raises `NotThere`, with a sentence
    broker.environment      for the site's processes; they reach it through a line that can be cut
    broker.fall(2)          gone for two seconds, and empty when it comes back
    broker.erase()          nothing of ours is left in it

The queues are the test's own, and so is the database number of Redis.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import redis
from kombu import Connection

from tests.running import free_port

URLS = {
    "filesystem": "filesystem://localhost",
    "RabbitMQ": "amqp://guest:guest@127.0.0.1:5672//",
    "Redis": "redis://127.0.0.1:6379/0",
}


CLAIM = "a test of unmigratable uses this database"


class NotThere(Exception):
    pass


class Line:
    """A TCP line to a port of this machine. Cut, it is for whoever looks through it as if the server were down."""

    def __init__(self, to: int) -> None:
        self.to, self.port = to, free_port()
        self.ends: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def cut(self) -> None:
        for end in [self.listener, *self.ends]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.ends = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.ends += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=_forward, args=pair, daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class FileSystem:
    def __init__(self, url: str, var: Path) -> None:
        self.folder = var / "queue"
        self.environment = {"CELERY_BROKER_URL": url}

    def is_used(self) -> bool:
        return self.folder.is_dir()

    def fall(self, seconds: float) -> None:
        away = self.folder.with_name("queue-gone")
        shutil.rmtree(away, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.rename(away)
        time.sleep(seconds)
        self.folder.mkdir(exist_ok=True)

    def erase(self) -> None:
        """It goes with the folder that the site lives in."""


class RabbitMQ:
    def __init__(self, url: str, var: Path) -> None:
        parts = urlsplit(url)
        self.url, self.queue = url, f"unmigratable-test-{secrets.token_hex(4)}"
        self.queues = [f"{self.queue}-{name}" for name in ("ingest", "mail", "fetch", "maintenance")]
        try:
            with Connection(url, connect_timeout=3) as connection:
                connection.connect()
        except OSError as error:
            raise NotThere(f"RabbitMQ is not there: {parts.hostname}:{parts.port} does not answer ({error})") from None
        self.line = Line(parts.port or 5672)
        through = url.replace(f":{parts.port}", f":{self.line.port}")
        self.environment = {"CELERY_BROKER_URL": through, "UNMIGRATABLE_QUEUE": self.queue}

    def is_used(self) -> bool:
        """Whether somebody takes messages out of our queue."""
        with Connection(self.url) as connection:
            try:
                return connection.channel().queue_declare(self.queues[0], passive=True).consumer_count > 0
            except connection.channel_errors:
                return False  # no worker has declared it yet

    def fall(self, seconds: float) -> None:
        self.line.cut()
        self._delete()
        time.sleep(seconds)
        self.line.mend()

    def erase(self) -> None:
        self.line.cut()
        self._delete()

    def _delete(self) -> None:
        with Connection(self.url) as connection, connection.channel() as channel:
            for queue in self.queues:
                channel.queue_delete(queue)


class Redis:
    def __init__(self, url: str, var: Path) -> None:
        parts = urlsplit(url)
        self.queue = f"unmigratable-test-{secrets.token_hex(4)}"
        try:
            number = next(n for n in range(15, 0, -1) if self._is_ours(self._client(parts.port, n)))
        except redis.ConnectionError as error:
            raise NotThere(f"Redis is not there: {parts.hostname}:{parts.port} does not answer ({error})") from None
        except (StopIteration, redis.ResponseError):
            raise NotThere("Redis has no empty database number that a test could use") from None
        self.client, self.number = self._client(parts.port, number), str(number)
        self.line = Line(parts.port or 6379)
        through = f"redis://127.0.0.1:{self.line.port}/{number}"
        self.environment = {"CELERY_BROKER_URL": through, "UNMIGRATABLE_QUEUE": self.queue}

    def is_used(self) -> bool:
        """Whether somebody waits for messages in our database."""
        return any(one["db"] == self.number and one["cmd"] == "brpop" for one in self.client.client_list())

    def fall(self, seconds: float) -> None:
        self.line.cut()
        self.client.pipeline().flushdb().set(CLAIM, "").execute()
        time.sleep(seconds)
        self.line.mend()

    def erase(self) -> None:
        self.line.cut()
        self.client.flushdb()

    @staticmethod
    def _is_ours(client: redis.Redis) -> bool:
        """An empty database is claimed by a key: the other worker of the suite looks for one too."""
        return not client.dbsize() and bool(client.set(CLAIM, "", nx=True))

    @staticmethod
    def _client(port: int | None, number: int) -> redis.Redis:
        return redis.Redis("127.0.0.1", port or 6379, number, socket_timeout=5)


Broker = FileSystem | RabbitMQ | Redis


def at(url: str, var: Path) -> Broker:
    kinds = {"filesystem": FileSystem, "amqp": RabbitMQ, "redis": Redis}
    return kinds[urlsplit(url).scheme](url, var)
