"""Which task waits in which queue, and how long it may run: a task's name begins with the name of its queue.

    @shared_task(name="mail.tell")      waits in the queue `mail`, and is ended after 300 s

A slow mail server or archive then holds up mail or fetching, and no report. One worker may serve several queues:
`celery -A config worker -Q mail,hooks,fetch,maintenance`; one without -Q serves all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from kombu import Queue


@dataclass(frozen=True)
class Limits:
    """`seconds` until the task's process is killed. `waiting`: so many messages wait at the most.

    A bell without a worker would ring for as long as the worker is away: 17 messages a second from each web process.
    """

    seconds: int
    waiting: int = 10


QUEUES = {
    # A report that never ends is ended with its process; the lease then has it tried alone, and given up.
    "ingest": Limits(settings.LEASE_SECONDS + 60),
    # What one mail says may travel in its message, so that losing one is losing a mail.
    "mail": Limits(300, waiting=10_000),
    "hooks": Limits(180),  # no message is begun after 40 s, and none takes more than half a minute
    "fetch": Limits(420),  # one thread of the archive: four requests of half a minute each, and then it is read
    "maintenance": Limits(600),
}
# Redis hands a message that nobody acknowledged to another worker after so long: no task may run longer.
VISIBILITY_SECONDS = 3_600


def name_of(queue: str) -> str:
    """What the broker calls it: several sites may share one."""
    return f"{settings.QUEUE}-{queue}"


def queue_of(task: str) -> str:
    queue = task.partition(".")[0]
    return queue if queue in QUEUES else "maintenance"


def route(name: str, *_: Any, **__: Any) -> dict[str, str]:
    return {"queue": name_of(queue_of(name))}


class TimeLimits:
    """For `task_annotations`."""

    def annotate(self, task: Any) -> dict[str, int]:
        return {"time_limit": QUEUES[queue_of(task.name)].seconds}


def declared() -> list[Queue]:
    """Straight to a queue by its name: no exchange, so no binding that a broker could forget.

    The arguments are RabbitMQ's; `config.queueing.brokers` bounds the others.
    """
    return [
        Queue(
            name_of(queue),
            alias=queue,
            routing_key=name_of(queue),
            queue_arguments={"x-max-length": limits.waiting, "x-overflow": "drop-head"},
        )
        for queue, limits in QUEUES.items()
    ]
