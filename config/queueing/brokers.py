"""Redis and the file system as brokers: a queue that nobody serves stays short, and one bad file ends no worker.

RabbitMQ bounds a queue by itself: see `config.queueing.queues`.
"""

from __future__ import annotations

import json
import logging
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem, redis

from config.queueing.queues import QUEUES, name_of

log = logging.getLogger(__name__)


def _is_full(channel: Any, queue: str) -> bool:
    most = {name_of(name): limits.waiting for name, limits in QUEUES.items()}.get(queue)
    return most is not None and channel._size(queue) >= most


class RedisChannel(redis.Channel):
    def _put(self, queue: str, message: Any, **given: Any) -> None:
        if not _is_full(self, queue):
            super()._put(queue, message, **given)


class RedisTransport(redis.Transport):
    Channel = RedisChannel


class FolderChannel(filesystem.Channel):
    """A message is a file, named so that names sort as they came."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Whole or not at all: a writer that is killed half-way leaves a file that nobody takes for a message."""
        if _is_full(self, queue):
            return
        folder = Path(self.data_folder_out)
        name = f"{_milliseconds():015}_{uuid.uuid4().hex}"
        half = folder / f"{name}.half"
        try:
            half.write_text(json.dumps(payload, default=str))
            half.rename(folder / f"{name}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"The queue's folder cannot be written to: {error}") from error

    def _get(self, queue: str, timeout: Any = None) -> Any:
        """What is no message is told, and thrown away: it would end each worker that reads it."""
        folder = Path(self.data_folder_in)
        for file in sorted(file for file in folder.iterdir() if file.name.partition(".")[2] == f"{queue}.msg"):
            taken = file.with_name(f"{file.name}.taken")
            try:
                file.rename(taken)
            except OSError:
                continue  # another worker was faster
            text = taken.read_bytes()
            taken.unlink()
            message = _message(text)
            if message is not None:
                return message
            log.warning("%s in the queue's folder held no message, and is gone", file.name)
        raise Empty


def _milliseconds() -> int:
    return int(monotonic() * 1000)


def _message(text: bytes) -> dict[str, Any] | None:
    """What kombu makes a message of without failing."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("body"), str | None):
        return None
    about = found.get("properties")
    if not isinstance(about, dict) or not isinstance(about.get("delivery_info"), dict):
        return None
    return found if "delivery_tag" in about and isinstance(found.get("headers"), dict | None) else None


class FolderTransport(filesystem.Transport):
    Channel = FolderChannel


def use_ours() -> None:
    """From now on, addresses of these kinds mean the classes above."""
    TRANSPORT_ALIASES["filesystem"] = "config.queueing.brokers:FolderTransport"
    TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "config.queueing.brokers:RedisTransport"
