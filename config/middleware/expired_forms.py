"""What was typed into a form that comes too late: shown again, to be sent again, instead of lost with the session.

Two ways lead here. Somebody was signed out while writing; or they signed in elsewhere meanwhile, so that the form's
token is one of before. What pages of other sites send is never shown: it would ask people to send what they did not
write.
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
    """All that a form of ours sent; nothing where it is another's, holds a secret, or is quickly typed again."""
    if request.headers.get("Origin") != f"{request.scheme}://{request.get_host()}":
        return []
    sent = [
        Field(name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    if any(secret in field.name.lower() for field in sent for secret in _SECRET):
        return []
    return sent if any(field.is_long for field in sent) else []


class SignedOut:
    """A page with what they typed, for who sends a form and has no session any more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        turned_away = response.get("Location", "").startswith(f"{settings.LOGIN_URL}?")
        if request.method != "POST" or not turned_away or not (kept := fields(request)):
            return response
        page = {"status": 403, "title": "You are signed out.", "kept": kept}
        return render(request, "error.html", page, status=403)
