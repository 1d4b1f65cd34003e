"""Messages to workers. One says only that there is work, by the name of the task that does it: it may be lost, late or
doubled, and beat sends the same at regular times."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

# Beat has rung by then; without a worker, messages must not pile up.
EXPIRES_SECONDS = 60


def ring(task: str) -> None:
    try:
        current_app.send_task(task, retry=False, expires=EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        log.warning("the broker did not take the message for %s (%s); the next regular one does", task, error)
