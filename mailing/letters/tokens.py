"""Signed links and addresses. An address is short, of letters and digits in one case: mail servers change the rest."""

from __future__ import annotations

import base64
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils import timezone
from django.utils.crypto import salted_hmac

_SALT = "discussion.unsubscribe"  # as in links that were sent before there was more to follow than a discussion
DIGEST = "digest"  # in a link: all that comes in a digest
_PACKED = ">QQH"  # person, thread or notice, day
_NR_SIGNED = 10  # bytes of the signature: 80 bits, and each guess is a mail
_BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
ANSWERED_FOR = timedelta(days=90)
COMES_BACK_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Address:
    """What an address of ours says: `ref` is a document's number of `answer`, a notice's of `bounce`."""

    kind: str
    user: int
    ref: int
    is_expired: bool


def stop_link(user: int, follow: tuple[str, str, int | None] | None) -> str:
    """`follow`: kind, name, document; None stands for being named."""
    return f"/unsubscribe/{signing.dumps([user, *follow] if follow else [user, None], salt=_SALT)}/"


def read_stop(token: str) -> tuple[int, tuple[str, str, int | None] | None] | None:
    """The person and what it is about; None where it is none of ours. Old links name a document alone."""
    try:
        said: Any = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    if len(said) == 2:
        return said[0], (None if said[1] is None else ("", "", said[1]))
    return said[0], (said[1], said[2], said[3])


def address(kind: str, user: int, ref: int) -> str:
    """Where an answer or a bounce comes in; '' where no mail does."""
    if not settings.MAIL_IN:
        return ""
    day = (timezone.now() - _BEGAN).days
    packed = struct.pack(_PACKED, user, ref, day).lstrip(b"\0")
    text = base64.b32encode(packed + _signature(kind, packed)).decode().rstrip("=").lower()
    return f"{kind}+{text}@{settings.MAIL_IN}"


def read_address(given: str) -> Address | None:
    """None where it is not one that this site made."""
    local, _, domain = given.strip().lower().rpartition("@")
    kind, _, text = local.partition("+")
    if not settings.MAIL_IN or domain != settings.MAIL_IN.lower() or kind not in ("answer", "bounce"):
        return None
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return None
    packed, signature = raw[:-_NR_SIGNED], raw[-_NR_SIGNED:]
    whole = packed.rjust(struct.calcsize(_PACKED), b"\0")
    if len(whole) != struct.calcsize(_PACKED) or not hmac.compare_digest(signature, _signature(kind, packed)):
        return None
    user, ref, day = struct.unpack(_PACKED, whole)
    lasts = ANSWERED_FOR if kind == "answer" else COMES_BACK_FOR
    return Address(kind, user, ref, _BEGAN + timedelta(days=day + 1) + lasts < timezone.now())


def _signature(kind: str, packed: bytes) -> bytes:
    return salted_hmac(f"mailing.{kind}", packed, algorithm="sha256").digest()[:_NR_SIGNED]
