"""Adding machines; handing out, changing and taking back their tokens. A secret is returned once, and kept nowhere."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from people import journal
from people.models import Machine, Scope, Standing, Token, User, digest, is_reserved

OVERLAP = timedelta(days=1)
MOST = 50  # each has limits of its own, so that without this they would be none
MOST_NEW = 5  # of somebody of whom no machine is trusted yet
MOST_TOKENS = 50  # that open, of one machine


@transaction.atomic
def add(
    name: str,
    owner: User,
    scopes: tuple[str, ...] = (Scope.SUBMIT,),
    expires_at: datetime | None = None,
    trusted: bool | None = None,
    **told: Any,
) -> str:
    """A new machine, or a further token for one of the same owner. Returns the secret.

    What a new one sends waits for trust, unless `trusted`; left out, unless it is a maintainer's. `told` goes into the
    journal. Raises `ValidationError` for a bad name, one that is somebody else's, or one machine or token too many.
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
        is_trusted = owner.may("manage machines") if trusted is None else trusted
        machine = Machine(name=name, owner=owner, standing=Standing.TRUSTED if is_trusted else Standing.NEW)
        _insert(machine)
        journal.record("machine.added", "machine", name, owner, standing=machine.standing, **told)
    return make_token(machine, owner, scopes, expires_at, **told)


def _insert(machine: Machine) -> None:
    machine.full_clean()
    try:
        with transaction.atomic():
            machine.save()
    except IntegrityError:  # somebody was faster since the line above
        raise ValidationError({"name": "Machine with this Name already exists."}) from None


@transaction.atomic
def make_token(
    machine: Machine, person: User, scopes: tuple[str, ...], expires_at: datetime | None = None, **told: Any
) -> str:
    """Returns the secret. `told` goes into the journal. Raises `ValidationError` where the machine has MOST_TOKENS."""
    Machine.objects.select_for_update(no_key=True).get(pk=machine.pk)  # one after another: the count holds
    if machine.tokens.usable().count() >= MOST_TOKENS:
        raise ValidationError(f"Up to {MOST_TOKENS} tokens a machine: revoke one.")
    secret = "umg_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        machine=machine, prefix=secret[:10], digest=digest(secret), scopes=list(scopes), expires_at=expires_at
    )
    journal.record("token.made", "machine", machine.name, person, prefix=token.prefix, scopes=list(scopes), **told)
    return secret


@transaction.atomic
def rotate(token: Token, person: User, **told: Any) -> str:
    """A new secret with the rights of `token`, which opens for OVERLAP more, so that nothing in flight is refused."""
    end = timezone.now() + OVERLAP
    lasts = token.expires_at - token.created_at if token.expires_at else None
    Token.objects.filter(pk=token.pk).update(expires_at=min(token.expires_at or end, end))
    ends = timezone.now() + lasts if lasts else None
    return make_token(token.machine, person, tuple(token.scopes), ends, replaces=token.prefix, **told)


@transaction.atomic
def revoke(token: Token, person: User, **told: Any) -> None:
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        journal.record("token.revoked", "machine", token.machine.name, person, prefix=token.prefix, **told)
