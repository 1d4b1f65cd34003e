"""Pages go out compressed. The API does not: a compressed answer has a weak ETag, which no `If-Match` may name."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from rest import problems


class CompressedPages(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if problems.is_api(request):
            return response
        return super().process_response(request, response)
