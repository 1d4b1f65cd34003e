"""Every error of the API is a problem document (RFC 9457), 404s and 500s too."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from rest.document.problem import MEDIA_TYPE as MEDIA_TYPE
from rest.document.problem import Problem

SCHEMA = Problem


@dataclass(frozen=True)
class Kind:
    """A code's. `remedy`: what the client can do, for the page of problems."""

    status: int
    title: str
    remedy: str


# Of any address; those of reports are in reports.intake.refusals.
KINDS: dict[str, Kind] = {
    "too-many-requests": Kind(
        429, "Too many requests.", "Wait for the seconds of Retry-After. A batch of reports is one request."
    ),
    "no-if-match": Kind(428, "Say what you change.", "Read it first, and send its ETag back as If-Match."),
    "if-match-failed": Kind(412, "It has changed meanwhile.", "Read it again, and put your change on top."),
}


class Documented(Exception):
    """An error that brings its own problem document, and headers where it has some."""

    headers: Mapping[str, str] = {}

    def document(self) -> dict[str, Any]:
        raise NotImplementedError


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    if isinstance(error, Documented):
        document, headers = error.document(), dict(error.headers)
    elif isinstance(error, Http404):
        document, headers = made(404, "Not found.", str(error)), {}
    elif isinstance(error, PermissionDenied):
        document, headers = made(403, "Not allowed.", str(error)), {}
    elif isinstance(error, exceptions.APIException):
        document, headers = _of_drf(error)
    else:
        return None
    return Response(document, status=document["status"], headers=headers, content_type=MEDIA_TYPE)


def of_code(code: str, detail: str) -> dict[str, Any]:
    """`code`: one of KINDS."""
    return made(KINDS[code].status, KINDS[code].title, detail, code)


def made(status: int, title: str, detail: str = "", code: str = "") -> dict[str, Any]:
    kind = f"/problems/#{code}" if code else "about:blank"
    return Problem(type=kind, title=title, status=status, detail=detail or None, code=code or None).shown()


def answer(status: int, title: str, detail: str = "") -> HttpResponse:
    """The same outside DRF, for Django's own error pages under /api/."""
    return HttpResponse(json.dumps(made(status, title, detail)), status=status, content_type=MEDIA_TYPE)


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/v")


def _of_drf(error: exceptions.APIException) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {}
    if scheme := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(scheme)
    if seconds := getattr(error, "wait", None):
        headers["Retry-After"] = str(math.ceil(seconds))
    titles = {
        400: "Bad request.",
        401: "Not authenticated.",
        403: "Not allowed.",
        404: "Not found.",
        405: "Method not allowed.",
        415: "This media type is not understood.",
    }
    title = titles.get(error.status_code, type(error).default_detail)
    detail = error.detail if isinstance(error.detail, str) else json.dumps(error.detail)
    return made(error.status_code, str(title), str(detail)), headers
