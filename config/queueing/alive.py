"""A file that says when a worker or beat was last seen at work, for a health check that only looks at its time.

Asking a worker over the broker would start a Python each time, and fail where the broker is away and the worker well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import bootsteps
from django.conf import settings

SECONDS = 10


def touch() -> None:
    if settings.ALIVE:
        Path(settings.ALIVE).touch()


class Alive(bootsteps.StartStopStep):
    """From the loop that takes messages: a worker whose loop hangs is touched no more."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        touch()
        parent.timer.call_repeatedly(SECONDS, touch)
