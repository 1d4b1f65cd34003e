"""What runs beside the pages. Messages only ring: what is to be done stands in the database."""

from __future__ import annotations

from celery import shared_task

from discussion.mail import fetcher
from rest.messages import ring


@shared_task(name="fetch.follow")
def fetch_mail() -> None:
    if fetcher.fetch_due():
        ring("fetch.follow")  # others may be due: each in a task of its own, which ends in time
