"""What runs beside the pages. Messages only ring: what is to be done stands in the database."""

from __future__ import annotations

import logging

from celery import shared_task
from kombu.exceptions import OperationalError

from discussion import follow as following
from discussion import telling

log = logging.getLogger(__name__)


@shared_task(name="discussion.follow")
def follow() -> None:
    following.fetch_due()


@shared_task(name="discussion.tell")
def tell() -> None:
    telling.note_all()
    telling.send_all()


def ring() -> None:
    """Asks for a round now. Where the broker does not take it, the next regular one comes within a minute."""
    try:
        follow.apply_async(retry=False)
    except (OperationalError, OSError) as error:
        log.warning("the broker did not take the message (%s); the next round comes by itself", error)
