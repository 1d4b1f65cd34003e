"""Every error of the API is a problem document (RFC 9457), 404s and 500s too."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

MEDIA_TYPE = "application/problem+json"

FAULT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["where", "expected", "found"],
    "properties": {
        "where": {"type": "string", "description": "A JSON Pointer, a header's name, or line:column."},
        "expected": {"type": "string"},
        "found": {"type": "string"},
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string", "description": "Where what was kept of a refused report can be read."},
        "errors": {"type": "array", "items": FAULT_SCHEMA},
    },
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


def made(status: int, title: str, detail: str = "", code: str = "") -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": f"/problems/#{code}" if code else "about:blank",
        "title": title,
        "status": status,
    }
    if detail:
        document["detail"] = detail
    if code:
        document["code"] = code
    return document


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
    }
    title = titles.get(error.status_code, type(error).default_detail)
    detail = error.detail if isinstance(error.detail, str) else json.dumps(error.detail)
    return made(error.status_code, str(title), str(detail)), headers
