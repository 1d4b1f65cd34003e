"""Pages of other sites may read what everybody may: GET of the API, for strangers (CORS).

Never with credentials: a browser that holds somebody's session shows another site nothing of what that opens, as a `*`
does not go with them. Nothing is written this way: no other method is allowed, and no header that identifies.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from rest import problems

ANYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, RateLimit, RateLimit-Policy, Retry-After",
}
ASKED_BEFORE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "If-None-Match",
    "Access-Control-Max-Age": "86400",
}


class OtherSites:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not problems.is_api(request):
            return self.get_response(request)
        if request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META:
            return HttpResponse(status=204, headers=ASKED_BEFORE)
        response = self.get_response(request)
        if request.method in ("GET", "HEAD") and "HTTP_AUTHORIZATION" not in request.META and not request.COOKIES:
            for name, value in ANYBODY.items():
                response[name] = value
        return response
