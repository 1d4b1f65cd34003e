"""Adding machines; handing out, changing and taking back their tokens. A secret is returned once, and kept nowhere."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from people import journal
from people.models import Machine, Scope, Standing, Token, User, digest, is_reserved

OVERLAP = timedelta(days=1)
MOST = 50  # each has limits of its own, so that without this they would be none
MOST_NEW = 5  # of somebody of whom no machine is trusted yet


@transaction.atomic
def add(
    name: str,
    owner: User,
    scopes: tuple[str, ...] = (Scope.SUBMIT,),
    expires_at: datetime | None = None,
    trusted: bool = False,
) -> str:
    """A new machine, or a further token for one of the same owner. Returns the secret.

    What a new one sends waits for trust, unless it is a maintainer's or `trusted` is given.
    Raises `ValidationError` for a bad name, or one that is somebody else's.
    """
    machine = Machine.objects.filter(name=name, owner=owner).first()
    if machine is None and is_reserved(name):
        raise ValidationError("This name is the site's own.")
    if machine is None and not owner.may("manage machines"):
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # one after another: the count holds
        most = MOST if trusted or owner.machines.filter(standing=Standing.TRUSTED).exists() else MOST_NEW
        if owner.machines.count() >= most:
            raise ValidationError(f"Up to {most} machines a person: ask a maintainer for more.")
    if machine is None:
        is_trusted = trusted or owner.may("manage machines")
        machine = Machine(name=name, owner=owner, standing=Standing.TRUSTED if is_trusted else Standing.NEW)
        machine.full_clean()
        machine.save()
        journal.record("machine.added", "machine", name, owner, standing=machine.standing)
    return make_token(machine, owner, scopes, expires_at)


@transaction.atomic
def make_token(machine: Machine, person: User, scopes: tuple[str, ...], expires_at: datetime | None = None) -> str:
    secret = "umg_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        machine=machine, prefix=secret[:10], digest=digest(secret), scopes=list(scopes), expires_at=expires_at
    )
    journal.record("token.made", "machine", machine.name, person, prefix=token.prefix, scopes=list(scopes))
    return secret


@transaction.atomic
def rotate(token: Token, person: User, overlap: timedelta = OVERLAP) -> str:
    """A new secret with the rights of `token`, which opens for `overlap` more, so that nothing in flight is refused."""
    end = timezone.now() + overlap
    lasts = token.expires_at - token.created_at if token.expires_at else None
    Token.objects.filter(pk=token.pk).update(expires_at=min(token.expires_at or end, end))
    return make_token(token.machine, person, tuple(token.scopes), timezone.now() + lasts if lasts else None)


@transaction.atomic
def revoke(token: Token, person: User) -> None:
    Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
    journal.record("token.revoked", "machine", token.machine.name, person, prefix=token.prefix)
