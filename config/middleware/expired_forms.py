"""Redisplays the text of a form whose session or CSRF token has expired, so that it can be sent again.

There are two ways to get here: the session ended while somebody wrote, or they signed in elsewhere, which replaced the
token. A form that another site sent is never redisplayed: it would ask people to send what they did not write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

SHORT = 60
_SECRET = ("password", "code", "secret", "login")


@dataclass(frozen=True)
class Field:
    name: str
    value: str

    @property
    def is_long(self) -> bool:
        """Whether somebody wrote this, rather than chose it."""
        return len(self.value) > SHORT or "\n" in self.value


def fields(request: HttpRequest) -> list[Field]:
    """The fields of a form of ours; none if another site sent it, it holds a secret, or all of it is short."""
    if request.headers.get("Origin") != f"{request.scheme}://{request.get_host()}":
        return []
    sent = [
        Field(name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    if any(secret in field.name.lower() for field in sent for secret in _SECRET):
        return []
    return sent if any(field.is_long for field in sent) else []


class SignedOut:
    """Middleware: answers a form without a session with a page that shows what was typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        turned_away = response.get("Location", "").startswith(f"{settings.LOGIN_URL}?")
        if request.method != "POST" or not turned_away or not (kept := fields(request)):
            return response
        page = {"status": 403, "title": "You are signed out.", "kept": kept}
        return render(request, "error.html", page, status=403)
