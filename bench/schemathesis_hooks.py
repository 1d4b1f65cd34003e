"""How schemathesis writes the bodies that are not JSON: as text."""

from __future__ import annotations

from typing import Any

import schemathesis

from reports.intake.formats import registry


def text(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


for kind in ("application/x-ndjson", *(kind for kind in registry.MEDIA_TYPES if not kind.endswith("json"))):
    schemathesis.serializer(kind)(text)
