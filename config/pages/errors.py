"""Error pages: problem documents under /api/; elsewhere pages, and text for who does not ask for HTML."""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string

from config.middleware import expired_forms
from people.statements import may_pass
from rest import problems
from rest.bounds import bounded, limits

ErrorView = Callable[..., HttpResponse]


def page(status: int, title: str) -> ErrorView:
    def view(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        detail = exception.args[0] if exception and exception.args and isinstance(exception.args[0], str) else ""
        if isinstance(exception, SuspiciousOperation):
            detail = ""  # Django's words to us: a name that is not ours said back, and which setting to open for it
        if problems.is_api(request):
            return problems.answer(status, title, detail)
        return limits.refused(request, status, title, detail)

    return view


bad_request = page(400, "Bad request.")
not_allowed = page(403, "Not allowed.")
not_found = page(404, "Not found.")
not_this_way = page(405, "Not this way.")
too_often = page(429, "Too many requests.")  # of the account pages; others say how long to wait


def broken(request: HttpRequest) -> HttpResponse:
    """Rendered without the request: it may be the database that broke, and a page for somebody would ask it who."""
    error = sys.exception()
    for passes, title in (
        (may_pass(error), "The database cannot do this now."),
        (isinstance(error, bounded.Lost), "This server has no process left to read it."),
    ):
        if passes:
            answer = _without_asking(request, 503, title, "Send the same again in a moment.")
            answer["Retry-After"] = "5"
            return answer
    return _without_asking(request, 500, "Something broke on our side.")


def _without_asking(request: HttpRequest, status: int, title: str, detail: str = "") -> HttpResponse:
    if problems.is_api(request):
        return problems.answer(status, title, detail)
    if not limits.wants_page(request):
        return limits.in_words(status, title, detail)
    page = {"status": status, "title": title, "detail": detail}
    return HttpResponse(render_to_string("error.html", page), status=status)


class NotThisWay:
    """A page for who comes by a link, or loads again, where only a form leads to: Django's answer is empty."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or problems.is_api(request):
            return response
        answer = not_this_way(request)
        answer["Allow"] = response["Allow"]
        return answer


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its CSRF token: usually one that stood open for too long."""
    if problems.is_api(request):
        return problems.answer(403, "Not allowed.", "This form was not sent from a fresh page of ours.")
    if not limits.wants_page(request):
        return limits.in_words(403, "Not allowed.", "This form was not sent from a fresh page of ours.")
    page = {"status": 403, "title": "This form is stale.", "is_stale": True, "kept": expired_forms.fields(request)}
    return render(request, "error.html", page, status=403)
