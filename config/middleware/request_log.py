"""Each request has an id: from the proxy, where one is trusted; it stands in each line of the log, in the answer
(`X-Request-Id`), and in the tasks that the request asks for. One line tells what became of it.

That line has the pattern of the address and not the address: a link that sets a password anew is one, and so is what
somebody searched for.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.app_settings import app_settings
from django_structlog.middlewares import RequestMiddleware
from django_structlog.signals import bind_extra_request_finished_metadata

from config.middleware import latencies

_log = logging.getLogger("django_structlog.middlewares.request")
_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


class Requests(RequestMiddleware):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "") if app_settings.TRUST_UPSTREAM_REQUEST_ID else ""
        made = given if _ID.fullmatch(given) else secrets.token_hex(16)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=made)
        begun = request._begun = time.perf_counter()  # type: ignore[attr-defined]
        response: HttpResponse = self.get_response(request)  # type: ignore[assignment]
        latencies.note(request, response, time.perf_counter() - begun)
        if _log.isEnabledFor(logging.INFO) or hasattr(request, "_raised_exception"):
            self.handle_response(request, response)
        else:
            structlog.contextvars.clear_contextvars()  # the rest is a tenth of what keeping a report costs
        response["X-Request-Id"] = made
        return response

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        match = request.resolver_match
        return f"{request.method} /{match.route if match else ''}"


def _how_long(request: Any, log_kwargs: dict[str, Any], **_: Any) -> None:
    log_kwargs["ms"] = round(1_000 * (time.perf_counter() - request._begun), 1)


bind_extra_request_finished_metadata.connect(_how_long)
