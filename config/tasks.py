"""The nightly clean-up. What it does is `pruning`'s."""

from __future__ import annotations

import logging

from celery import shared_task

from config import pruning

log = logging.getLogger(__name__)
SECONDS = 45.0  # a task is ended by force after a minute and more


@shared_task(name="maintenance.prune")
def prune() -> None:
    removed, came_to_the_end = pruning.run(SECONDS)
    if told := ", ".join(f"{number} {name}" for name, number in removed.items() if number):
        log.info("removed: %s", told)
    if not came_to_the_end:
        prune.apply_async(countdown=5)
