"""What the settings ask for, said so that it leads nowhere: for commands and tools that only read code."""

from __future__ import annotations

UNCONNECTED = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "CELERY_BROKER_URL": "amqp://nobody@127.0.0.1:1//",
    "UNMIGRATABLE_MODE": "local",
    "UNMIGRATABLE_SECRET_KEY": "opens-nothing-" * 4,
}
