"""Celery: one queue, messages that only ring, results kept nowhere."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

from celery import Celery
from celery.signals import worker_process_init
from django.conf import settings
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

QUEUE: str = settings.QUEUE
PR_SET_PDEATHSIG = 1

app = Celery("unmigratable")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True} if settings.CELERY_BROKER_URL.startswith("amqp") else {},
    broker_connection_timeout=4,
    # Straight to the queue by its name: no exchange, so no binding that a broker could forget.
    task_queues=[Queue(QUEUE, routing_key=QUEUE)],
    task_default_queue=QUEUE,
    task_default_exchange="",
    task_default_routing_key=QUEUE,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    # A report that never ends is ended with its process; the lease then has it tried alone, and given up.
    task_time_limit=settings.LEASE_SECONDS + 60,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1_000,
    worker_hijack_root_logger=False,
    beat_schedule={
        "sweep": {
            "task": "reports.sweep",
            "schedule": settings.SWEEP_SECONDS,
            "options": {"expires": settings.SWEEP_SECONDS, "queue": QUEUE},
        },
        "tell": {
            "task": "discussion.tell",
            "schedule": 60,
            "options": {"expires": 60, "queue": QUEUE},
        },
        # Often, so that who waits for a link does not wait: a request that rang would wait for a broker that is down.
        "mail": {
            "task": "mail.send",
            "schedule": 5,
            "options": {"expires": 5, "queue": QUEUE},
        },
        "follow": {
            "task": "discussion.follow",
            "schedule": 60,
            "options": {"expires": 60, "queue": QUEUE},
        },
    },
)
if settings.CELERY_BROKER_URL.startswith("filesystem"):
    folder = settings.VAR / "queue"
    folder.mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder.with_name("queue-control")),
        "polling_interval": 0.2,
    }
app.autodiscover_tasks(["reports", "discussion", "people"])


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """A pool process outlives a worker that is killed with SIGKILL, unless the kernel is asked to end it too."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
