"""Adding machines and handing out their tokens."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction

from people import journal
from people.models import Machine, Scope, Token, User, digest


@transaction.atomic
def add(name: str, owner: User, scopes: tuple[str, ...] = (Scope.SUBMIT,), expires_at: datetime | None = None) -> str:
    """A new machine, or a further token for one of the same owner. Returns the secret, which is kept nowhere.

    Raises `django.core.exceptions.ValidationError` for a bad name, or one that is somebody else's.
    """
    machine = Machine.objects.filter(name=name, owner=owner).first()
    if machine is None:
        machine = Machine(name=name, owner=owner)
        machine.full_clean()
        machine.save()
        journal.record("machine.added", "machine", name, owner)
    secret = "umg_" + secrets.token_urlsafe(32)
    token = Token.objects.create(
        machine=machine, prefix=secret[:10], digest=digest(secret), scopes=list(scopes), expires_at=expires_at
    )
    journal.record("token.made", "machine", name, owner, prefix=token.prefix, scopes=list(scopes))
    return secret
