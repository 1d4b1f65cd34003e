"""Celery: messages that only ring, results kept nowhere. Queues and time limits: `config.queueing.queues`."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import beat_init, celeryd_init, worker_process_init
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

from config.startup import starting

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
with starting.or_a_sentence():
    starting.demand_settings()
    from config.queueing import alive, brokers, queues

PR_SET_PDEATHSIG = 1
MOMENT_SECONDS = 10  # clocks of two nodes differ; a message that expires in less might never be heard

brokers.use_ours()
app = Celery("unmigratable")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=4,
    task_queues=queues.declared(),
    task_create_missing_queues=False,
    task_routes=(queues.route,),
    task_annotations=(queues.TimeLimits(),),
    task_default_queue=queues.name_of("maintenance"),
    task_default_exchange="",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1_000,
    worker_hijack_root_logger=False,
    beat_scheduler="config.queueing.one_beat:Scheduler",
    beat_schedule={
        **{
            name: {"task": name, "schedule": seconds, "options": {"expires": max(seconds, MOMENT_SECONDS)}}
            for name, seconds in (
                ("ingest.sweep", settings.SWEEP_SECONDS),
                ("maintenance.sweep", settings.SWEEP_SECONDS),
                ("maintenance.rulings", 3_600),
                ("mail.tell", 10),
                # Often, so that who waits for a link does not wait: a request that rang would wait for a broker.
                ("mail.send", 5),
                ("hooks.tell", 10),
                ("fetch.follow", 60),
            )
        },
        **{
            name: {"task": name, "schedule": crontab(hour=3, minute=minute), "options": {"expires": 3_600}}
            for name, minute in (("maintenance.prune", 17), ("maintenance.check", 47))
        },
    },
)
if settings.CELERY_BROKER_URL.startswith("amqp"):
    app.conf.broker_transport_options = {"confirm_publish": True}
if settings.CELERY_BROKER_URL.startswith("redis"):
    app.conf.broker_transport_options = {"visibility_timeout": queues.VISIBILITY_SECONDS}
if settings.CELERY_BROKER_URL.startswith("filesystem"):
    folder = settings.VAR / "queue"
    with starting.or_a_sentence():
        folder.mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder.with_name("queue-control")),
        "polling_interval": 0.2,
    }
app.steps["worker"].add(DjangoStructLogInitStep)  # a task's lines of the log bear the id of the request that asked
app.steps["worker"].add(alive.Alive)
app.autodiscover_tasks(["reports", "discussion", "people", "webhooks", "mailing", "config"])


@worker_process_init.connect
def die_with_parent(**_: Any) -> None:
    """A pool process outlives a worker that is killed with SIGKILL, unless the kernel is asked to end it too."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@celeryd_init.connect
@beat_init.connect
def demand_services(**_: Any) -> None:
    with starting.or_a_sentence():
        starting.demand_database()
        starting.demand_broker(app)
