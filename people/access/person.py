"""Who asks: the person behind a request, where a view is for people who are signed in."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from people.models import User, may


def signed_in(request: HttpRequest) -> User:
    """The person; a stranger is refused. Where strangers are to be sent to the sign-in, @login_required does that."""
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user


def demand(request: HttpRequest, action: str, otherwise: str) -> User:
    """The person, if their role allows `action`; else the refusal says `otherwise`."""
    if not may(request.user, action):
        raise PermissionDenied(otherwise)
    return signed_in(request)
