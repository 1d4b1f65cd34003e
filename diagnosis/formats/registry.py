"""Which formats there are: every module of this package that defines `FORMAT`. Adding one is adding its module."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Dict, Optional

from diagnosis import formats
from diagnosis.formats.format import Format


def _found() -> Dict[str, Format]:
    made: Dict[str, Format] = {}
    for info in sorted(pkgutil.iter_modules(formats.__path__), key=lambda info: info.name):
        if info.name == "registry":
            continue
        one = getattr(importlib.import_module("diagnosis.formats." + info.name), "FORMAT", None)
        if isinstance(one, Format):
            made[one.name] = one
    return made


FORMATS = _found()
MEDIA_TYPES: Dict[str, Format] = {kind: one for one in FORMATS.values() for kind in one.media_types}


def of(media_type: str, name: str = "") -> Optional[Format]:
    """The format called `name`, or where none is said, the one that the media type stands for."""
    return FORMATS.get(name) if name else MEDIA_TYPES.get(media_type)
