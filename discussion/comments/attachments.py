"""A comparison that a comment links to, kept with the figures that it had when that was said."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from catalog.measured import snapshot

_LINK = re.compile(r"/compare/\?([^\s<>()\[\]]{1,600})")


def of(text: str) -> dict[str, Any] | None:
    """Of the first link to a comparison in a text; None where there is none, or its builds are not known."""
    found = _LINK.search(text)
    if found is None:
        return None
    asked = parse_qs(found[1].replace("&amp;", "&"))
    sides = [asked.get(side, [""])[0] for side in ("a", "b")]
    return snapshot.comparison(*sides) if all(sides) else None
