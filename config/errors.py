"""Error pages: problem documents under /api/, pages elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from rest import problems

ErrorView = Callable[..., HttpResponse]


def page(status: int, title: str) -> ErrorView:
    def view(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        detail = exception.args[0] if exception and exception.args and isinstance(exception.args[0], str) else ""
        if problems.is_api(request):
            return problems.answer(status, title, detail)
        return render(request, "error.html", {"status": status, "title": title, "detail": detail}, status=status)

    return view


bad_request = page(400, "Bad request.")
not_allowed = page(403, "Not allowed.")
not_found = page(404, "Not found.")


def broken(request: HttpRequest) -> HttpResponse:
    """Rendered without the request: it may be the database that broke, and a page for somebody would ask it who."""
    if problems.is_api(request):
        return problems.answer(500, "Something broke on our side.")
    page = {"status": 500, "title": "Something broke on our side."}
    return HttpResponse(render_to_string("error.html", page), status=500)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its CSRF token: usually one that stood open for too long."""
    return not_allowed(
        request, PermissionError("This form was not sent from a fresh page of ours. Go back and load it again.")
    )
