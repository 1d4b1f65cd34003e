"""What runs beside the pages. A message only rings: what is to be sent stands in the database."""

from __future__ import annotations

from celery import shared_task

from rest.messages import ring
from webhooks import delivering, fan_out


@shared_task(name="hooks.tell")
def tell() -> None:
    fan_out.note_all()
    if not delivering.deliver_due():
        ring("hooks.tell")
