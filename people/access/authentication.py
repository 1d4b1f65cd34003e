"""Who sends an API request: a machine by its bearer token, or a person by the browser's session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from people.models import Machine, Scope, Token, User, allows

_FOR_OWNERS = (Scope.SUBMIT, Scope.MACHINES)


@dataclass(frozen=True)
class Sender:
    """`request.auth` of a machine's request."""

    machine: Machine
    scopes: frozenset[str]
    token: Token


class BearerToken(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[object, Sender] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("The Authorization header must read: Bearer TOKEN")
        token = Token.objects.holding(parts[1].decode("latin-1"))
        if token is None:
            raise AuthenticationFailed("This token is unknown, expired or revoked.")
        token.note_use(timezone.now())
        # A machine sees what strangers see, unless its owner gave it more.
        owner = token.machine.owner if Scope.READ in token.scopes else AnonymousUser()
        return owner, Sender(token.machine, frozenset(token.scopes), token)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="unmigratable"'


def sender_with(request: Any, scope: str) -> Sender:
    """The machine behind the request, if its token has `scope`. Else 401 or 403."""
    if not isinstance(request.auth, Sender):
        raise NotAuthenticated("Send a machine's token: Authorization: Bearer TOKEN")
    if scope not in request.auth.scopes:
        raise PermissionDenied(f"This token lacks the scope {scope}.")
    if scope in _FOR_OWNERS and not allows(request.auth.token.owner_role, "own machines"):
        raise PermissionDenied("The owner of this machine may own none by now, so it sends nothing.")
    return request.auth


def person_of(request: Request) -> User:
    """Who acts: who is signed in, or the owner of a machine whose token may curate. Else 401 or 403."""
    if isinstance(request.auth, Sender):
        return sender_with(request, Scope.CURATE).machine.owner
    if not isinstance(request.user, User):
        raise NotAuthenticated("Sign in, or send a token that may curate: Authorization: Bearer TOKEN")
    return request.user
