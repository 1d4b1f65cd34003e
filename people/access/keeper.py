"""Who looks after machines and tokens: a person, or a token with the scope `machines` in the name of its owner.

What a token makes has no right that it lacks itself, never the right to make tokens, and no longer life than it was
given: else whoever finds one could keep a better one after it is revoked. Only a person gives more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from people.access.authentication import Sender, sender_with
from people.models import Scope, Standing, Token, User, may


@dataclass(frozen=True)
class Keeper:
    """`by` is the token that asks; None where a person does."""

    person: User
    by: Token | None = None

    @property
    def told(self) -> dict[str, str]:
        """For the journal."""
        return {"by": self.by.prefix} if self.by else {}

    @property
    def trusts(self) -> bool | None:
        """Whether a machine that it adds is trusted; None says: as the person's role has it."""
        return None if self.by is None or self.by.machine.is_trusted else False

    def demand_making(self) -> None:
        """Raises `PermissionDenied` for a token of a withdrawn machine, which may still look and take back."""
        if self.by and self.by.machine.standing == Standing.WITHDRAWN:
            raise PermissionDenied(f"{self.by.machine} is withdrawn: its tokens make nothing.")

    def demand_giving(self, scopes: Iterable[str]) -> None:
        """Raises `PermissionDenied`."""
        if self.by is None:
            return
        more = [scope for scope in scopes if scope not in self.by.scopes or scope == Scope.MACHINES]
        if more:
            raise PermissionDenied(f"This token cannot hand out: {', '.join(more)}.")

    def demand_renewing(self, token: Token) -> None:
        """A token may renew itself, with all its rights. Raises `PermissionDenied`."""
        if self.by is None or token.pk == self.by.pk:
            return
        self.demand_giving(token.scopes)
        if self._longest is not None and (token.expires_at is None or _life(token) > self._longest):
            raise PermissionDenied("This token cannot renew one that lasts longer than itself.")

    def end(self, days: int | None) -> datetime | None:
        """When what it makes ends: after `days`, and never later than its own whole life from now on.

        Raises `PermissionDenied` where more was asked for.
        """
        longest = self._longest
        if days is None:
            return None if longest is None else timezone.now() + longest
        if longest is not None and timedelta(days=days) > longest:
            raise PermissionDenied(f"This token cannot make one that lasts longer than itself: {longest.days} days.")
        return timezone.now() + timedelta(days=days)

    @property
    def _longest(self) -> timedelta | None:
        return _life(self.by) if self.by and self.by.expires_at else None


def _life(token: Token) -> timedelta:
    assert token.expires_at is not None
    return token.expires_at - token.created_at


def keeper(request: Any) -> Keeper:
    """Whoever asks, if they may own machines. Raises what `sender_with` raises, and `PermissionDenied`."""
    if isinstance(request.auth, Sender) or not isinstance(request.user, User):
        token = sender_with(request, Scope.MACHINES).token
        return Keeper(token.machine.owner, token)
    if not may(request.user, "own machines"):
        raise PermissionDenied("Your role may read, not own machines.")
    return Keeper(request.user)
