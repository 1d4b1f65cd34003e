"""How long requests take, by the view that answered. Counted by each process, added up by whoever is asked: gunicorn's
processes share a folder of counters, which `config/server.py` makes."""

from __future__ import annotations

import os
from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

METHODS = ("GET", "HEAD", "POST")
_alone = CollectorRegistry()
SECONDS = Histogram(
    "unmigratable_request_seconds",
    "How long a request took from its last byte read to its answer begun.",
    ["view", "method", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=_alone,
)


def note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """The labels are ours alone: a stranger's address or method would be a line of its own for ever."""
    match = request.resolver_match
    view = (match.view_name or match.route) if match else "none"
    method = request.method if request.method in METHODS else "other"
    # The folder may have been cleaned away, as /tmp is now and then, or be full: no request fails for its figure.
    with suppress(OSError):
        SECONDS.labels(view, method, f"{response.status_code // 100}xx").observe(seconds)


def registry() -> CollectorRegistry:
    """Of all processes of this node; of this one where they share no folder."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return _alone
    made = CollectorRegistry()
    MultiProcessCollector(made)  # type: ignore[no-untyped-call]
    return made
