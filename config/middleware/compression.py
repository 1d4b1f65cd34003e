"""Answers go out compressed where the client asks: pages, and of the API what a stranger reads by GET.

An answer of the API that somebody is identified for is not: where an attacker can have a secret mixed with guesses, its
compressed length tells of it (BREACH). In what is everybody's there is no secret.

Other bytes, another strong ETag: `"3"` is `"3-gzip"` when compressed. Both name the same state in `If-None-Match` and
`If-Match`, since whoever read the one may change the other.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from rest import problems

SUFFIX = "-gzip"
_NAMED = re.compile(rf'("[^"]*){SUFFIX}"')
_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")


class CompressedPages(GZipMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        if problems.is_api(request):
            request.knows_compressed = False  # type: ignore[attr-defined]
            for name in _CONDITIONS:
                given = request.META.get(name, "")
                if SUFFIX in given:
                    request.META[name] = _NAMED.sub(r'\1"', given)
                    request.knows_compressed = True  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not problems.is_api(request):
            return super().process_response(request, response)
        if request.method not in ("GET", "HEAD"):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        tag = response.get("ETag", "")
        if response.status_code == 304 and request.knows_compressed:  # type: ignore[attr-defined]
            response["ETag"] = _of_compressed(tag)
        elif not _is_identified(request, response):
            response = _Plain(self.get_response).process_response(request, response)
            if tag and response.get("Content-Encoding") == "gzip":
                response["ETag"] = _of_compressed(tag)
        return response


class _Plain(GZipMiddleware):
    """Django's own pads each answer at random, against BREACH: then one ETag would name many sequences of bytes."""

    max_random_bytes = 0


def _is_identified(request: HttpRequest, response: HttpResponseBase) -> bool:
    session = settings.SESSION_COOKIE_NAME
    return "HTTP_AUTHORIZATION" in request.META or bool(request.COOKIES) or session in response.cookies


def _of_compressed(tag: str) -> str:
    return f'{tag[:-1]}{SUFFIX}"' if tag.endswith('"') else tag
