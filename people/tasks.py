"""What runs beside the pages. A message only rings: what is to be sent stands in the database."""

from __future__ import annotations

from celery import shared_task

from people.accounts import outbox


@shared_task(name="mail.send")
def send() -> None:
    outbox.send_due()
