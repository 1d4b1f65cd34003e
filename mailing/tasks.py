"""What runs beside the pages. A message only rings: what is to be sent stands in the database."""

from __future__ import annotations

from celery import shared_task

from mailing.outbox import fan_out, sending
from rest.messages import ring


@shared_task(name="mail.tell")
def tell() -> None:
    fan_out.note_all()
    if not sending.send_all():
        ring("mail.tell")
