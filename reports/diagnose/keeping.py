"""Results that have an address, for a bug report: redacted, for some days, and gone when their maker says so.

NotTheirs      whoever asks may not delete it
Full           no more is kept: of this sender, of strangers, or of all
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac

from people.models import User, may
from reports.intake import packing
from reports.models import Kept

MOST, MOST_BYTES = 5_000, 512 << 20
MOST_OF_STRANGERS = 2_500  # so that whoever has no name does not close this to those who have one
MOST_OF_ONE, MOST_BYTES_OF_ONE = 20, 8 << 20


class NotTheirs(Exception):
    pass


class Full(Exception):
    """Its text is the sentence that the sender is told."""


@transaction.atomic
def keep(text: str, release: str, person: User | None, sender: str) -> tuple[Kept, str]:
    """The row, and the key that deletes it, which is kept nowhere. `text`: redacted. Raises `Full`.

    `sender`: whom to count it with, as `rest.bounds.limits.client_key` names them.
    """
    body, digest = text.encode("utf-8", "replace"), salted_hmac("reports.diagnose.keeping", sender).hexdigest()[:32]
    _check_room(person, digest, len(body))
    key = secrets.token_urlsafe(24)
    made = Kept.objects.create(
        person=person,
        release=release[:200],
        sender=digest,
        key=_digest(key),
        body=packing.packed(body),
        size_bytes=len(body),
    )
    return made, key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def _check_room(person: User | None, sender: str, nr_bytes: int) -> None:
    mine = Q(sender=sender)
    there = Kept.objects.live().aggregate(
        all=Count("pk"),
        bytes=Coalesce(Sum("size_bytes"), 0),
        of_strangers=Count("pk", filter=Q(person=None)),
        mine=Count("pk", filter=mine),
        my_bytes=Coalesce(Sum("size_bytes", filter=mine), 0),
    )
    if there["mine"] >= MOST_OF_ONE or there["my_bytes"] + nr_bytes > MOST_BYTES_OF_ONE:
        raise Full("So much of yours is kept already that no more is. Delete one, or wait until one is past its time.")
    if there["all"] >= MOST or there["bytes"] + nr_bytes > MOST_BYTES:
        raise Full("So many results are kept that no more are. Some go every night.")
    if person is None and there["of_strangers"] >= MOST_OF_STRANGERS:
        raise Full("So many results are kept that no more are. There is more room for those who signed in.")


def text_of(kept: Kept) -> str:
    return packing.unpacked(kept).decode()


def may_delete(kept: Kept, user: Any) -> bool:
    """Without its key: who kept it while signed in, and maintainers."""
    return (kept.person_id is not None and kept.person_id == user.pk) or may(user, "erase")


def delete(kept: Kept, user: Any, key: str = "") -> None:
    """Nothing of it stays. Raises `NotTheirs`."""
    if not may_delete(kept, user) and not hmac.compare_digest(_digest(key.strip()), kept.key):
        raise NotTheirs
    kept.delete()
