"""How often somebody may try to sign in as somebody.

Wrong passwords slow down whoever types them: they are counted by the name and by the address that they come from, so
that nobody keeps somebody else out. What comes from everywhere together is bounded too, far higher, for each name and
day. The person gets past that bound from where they were signed in before (a cookie), and by the link in a mail that
sets a new password.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from people.models import User
from rest.bounds import attempts
from rest.bounds.addresses import address, network

FROM_ONE_PLACE = attempts.Pace(free=5, first_seconds=10, most_seconds=300)
# With passwords of 12 characters or more, and none of the common ones.
FROM_EVERYWHERE = attempts.Pace(free=300, first_seconds=86_400, most_seconds=86_400)
COOKIE, SALT, YEAR = "device", "people.accounts.doors", 365 * 86_400


class TooManyAttempts(Exception):
    """Says in a sentence what to do."""


@dataclass(frozen=True)
class Knock:
    here: str
    anywhere: str
    """'' where what comes from everywhere does not matter."""

    def went_well(self) -> None:
        """What others tried stays counted: the right person coming and going would give them as much again."""
        attempts.forgive(self.here)
        if self.anywhere:
            attempts.give_back(self.anywhere)


def knock(request: HttpRequest, name: str) -> Knock:
    """Notes one attempt to sign in as `name`. Raises `TooManyAttempts`."""
    name = _folded(name)
    known = _known_here(request, name)
    here = known or f"{name} from {network(address(request))}"
    anywhere = _from_everywhere(name)
    try:
        attempts.begin(here, FROM_ONE_PLACE)
    except attempts.TooSoon as error:
        raise TooManyAttempts(f"Too many failed attempts. Try again in {error.wait_seconds} s.") from None
    if known:
        return Knock(here, "")
    try:
        attempts.begin(anywhere, FROM_EVERYWHERE)
    except attempts.TooSoon:
        raise TooManyAttempts(
            "Too many have failed to sign in with this name today. Sign in where you were signed in before, or set a "
            "new password by mail."
        ) from None
    return Knock(here, anywhere)


def remember(response: HttpResponse, user: User, secure: bool) -> None:
    """This browser was signed in as `user`."""
    mark = signing.dumps([user.pk, secrets.token_urlsafe(9)], salt=SALT)
    response.set_cookie(COOKIE, mark, max_age=YEAR, path="/sign-in/", secure=secure, httponly=True, samesite="Lax")


def let_in(request: HttpRequest, user: User) -> None:
    """The mail with the link came to the person: whatever others tried before or try now, this browser is theirs."""
    request.session[COOKIE] = user.pk
    names = [user.username, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)]
    attempts.forgive(*(_from_everywhere(_folded(name)) for name in names))


def _known_here(request: HttpRequest, name: str) -> str:
    """The key of a browser that was signed in as who is called `name`; '' where it was not."""
    if request.user.is_authenticated:  # who is asked "Is it you?"
        return f"person {request.user.pk}"
    if (user := request.session.get(COOKIE)) and _is_called(user, name):
        return f"session of {user} {request.session.session_key}"
    try:
        user, mark = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=YEAR)
    except (signing.BadSignature, ValueError):
        return ""
    return f"device {mark} of {user}" if _is_called(user, name) else ""


def _is_called(user: Any, name: str) -> bool:
    found = User.objects.filter(pk=user).first()
    if found is None:
        return False
    addresses = EmailAddress.objects.filter(user=found, verified=True).values_list("email", flat=True)
    return name in {_folded(one) for one in (found.username, *addresses)}


def _from_everywhere(name: str) -> str:
    return f"{name} on {timezone.now():%Y-%m-%d}"


def _folded(name: str) -> str:
    """As the database compares names: otherwise each way to write one (ı for I) would have attempts of its own."""
    return name.strip().upper()
