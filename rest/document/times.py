"""Moments, written alike in the API, in exports and in tables: ISO 8601, UTC with a Z, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


def written(at: datetime) -> str:
    """As Django REST framework writes it."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class Encoder(DjangoJSONEncoder):
    """Django's own cuts a moment to milliseconds."""

    def default(self, o: Any) -> Any:
        return written(o) if isinstance(o, datetime) else super().default(o)
