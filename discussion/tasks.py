"""What runs beside the pages. Messages only ring: what is to be done stands in the database."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from kombu.exceptions import OperationalError

from discussion import notices
from discussion.mail import fetcher as following

log = logging.getLogger(__name__)


@shared_task(name="fetch.follow")
def follow() -> None:
    if following.fetch_due():
        ring()  # others may be due: each in a task of its own, which ends in time


@shared_task(name="mail.tell")
def tell() -> None:
    notices.note_all()
    if not notices.send_all():
        _ring(tell)


def ring() -> None:
    """Asks for a round now. Where the broker does not take it, the next regular one comes within a minute."""
    _ring(follow)


def _ring(task: Any) -> None:
    try:
        task.apply_async(retry=False, expires=60)
    except (OperationalError, OSError) as error:
        log.warning("the broker did not take the message (%s); the next round comes by itself", error)
