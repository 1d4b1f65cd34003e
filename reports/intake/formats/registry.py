"""Every format that the site takes: those of `diagnosis`, and those that need a library, which the probe must not.

registry.of("application/vnd.kcidb+json")    the format, or None
"""

from __future__ import annotations

from diagnosis.formats import registry
from diagnosis.formats.format import Format
from reports.intake.formats import junit, older_kcidb

OURS = (junit.FORMAT, older_kcidb.FORMAT)
FORMATS: dict[str, Format] = {**registry.FORMATS, **{one.name: one for one in OURS}}
MEDIA_TYPES: dict[str, Format] = {kind: one for one in FORMATS.values() for kind in one.media_types}


def of(media_type: str, name: str = "") -> Format | None:
    """The format called `name`, or where none is said, the one that the media type stands for."""
    return FORMATS.get(name) if name else MEDIA_TYPES.get(media_type)
