"""What a browser may load. Pages by `CONTENT_SECURITY_POLICY`; the API's answers are data, and may load nothing."""

from __future__ import annotations

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase

from rest import problems

FOR_DATA = "default-src 'none'; frame-ancestors 'none'"


class ContentPolicy(CSPMiddleware):
    """A policy that is always the same need not be put together anew for each report that comes in."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not problems.is_api(request):
            return super().process_response(request, response)
        response.headers[HEADER] = FOR_DATA
        return response
