"""For whoever watches: is this process alive, and can it do its work. Before everything else, so that a probe that
comes by address, without TLS and without a name, is answered: it knows no name of ours."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse

from config.pages import metrics
from reports.totals import watch

# Beat asks for a sweep every so often; after so many that did not come, something between beat and worker is away.
MISSED_SWEEPS, LEAST_SECONDS = 6, 60.0
BROKER_SECONDS = 1.0
_FRESH = {"Cache-Control": "no-store"}


class Health:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.answers = {"/healthz": alive, "/readyz": ready}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/metrics":
            return metrics.metrics(request)
        answer = self.answers.get(request.path_info)
        return answer() if answer else self.get_response(request)


def alive() -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain", headers=_FRESH)


def ready() -> HttpResponse:
    """Whether this process should be sent requests; below that what is amiss beside it. Without broker, beat or workers
    pages answer and reports are kept: taking web away as well would help nobody."""
    trouble = _missing_file() or _missing_migration()
    lines = [trouble] if trouble else ["ready", *filter(None, (_missing_broker(), _missing_beat()))]
    text = "".join(f"{line}\n" for line in lines)
    return HttpResponse(text, status=503 if trouble else 200, content_type="text/plain", headers=_FRESH)


def _missing_broker() -> str:
    address = urlsplit(settings.CELERY_BROKER_URL)
    if not address.hostname or address.scheme in ("filesystem", "memory"):
        return ""
    port = address.port or {"amqp": 5672, "amqps": 5671}.get(address.scheme, 6379)
    try:
        socket.create_connection((address.hostname, port), BROKER_SECONDS).close()
    except OSError as error:
        return f"but the broker does not answer ({error.strerror or error}): what waits is taken up when it does"
    return ""


def _missing_beat() -> str:
    swept = watch.seen().get("swept_seconds")
    if swept is None or swept < max(MISSED_SWEEPS * settings.SWEEP_SECONDS, LEAST_SECONDS):
        return ""
    return f"but the last sweep was {swept:.0f} s ago: beat, the broker, or the worker of maintenance is away"


def _missing_file() -> str:
    """Every page is a 500 where the manifest lacks one of our files: nothing was collected since they came."""
    for name in _static_files():
        try:
            staticfiles_storage.url(name)
        except ValueError:
            return f"static file {name} is not collected: run manage.py collectstatic, then start this process again"
    return ""


def _missing_migration() -> str:
    """Applied ones that this release does not know are of a later one, and safe while both run."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except DatabaseError as error:
        logging.getLogger(__name__).warning("not ready: %s", str(error).partition("\n")[0])
        return "no database, or an empty one"
    missing = sorted(_migrations() - applied)
    if not missing:
        return ""
    first = ".".join(missing[0])
    return f"{len(missing)} migrations are missing, the first {first}: run manage.py migrate"


@cache
def _static_files() -> list[str]:
    folder = Path(settings.STATICFILES_DIRS[0])
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
