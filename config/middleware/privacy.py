"""What is made for somebody is kept by nobody on the way, nor by a browser that others use after them."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from rest import problems


class Private:
    """Middleware: `private, no-store` on all that answers who is identified, drafts, raw bytes and receipts among it.

    By the cookie and the token that came or are handed out, and not by whom they name: that would ask the database for
    pages that never look. An answer to a stranger may be kept, and says by what it differs from others'.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        patch_vary_headers(response, ["Cookie", "Authorization"] if problems.is_api(request) else ["Cookie"])
        session = settings.SESSION_COOKIE_NAME
        identified = "HTTP_AUTHORIZATION" in request.META or session in request.COOKIES or session in response.cookies
        if identified and "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-store"
        return response
