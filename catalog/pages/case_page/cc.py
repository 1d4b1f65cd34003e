"""Whom a patch for a subsystem goes to: the lists that the kernel's MAINTAINERS names, as a file of data has them.

`manage.py read_maintainers` makes the file from a source package. Lists alone: people change, and their addresses are
nothing to keep on a page; `scripts/get_maintainer.pl` names those of today.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

FILE = Path(settings.BASE_DIR) / "data" / "maintainers.json"


@dataclass(frozen=True)
class Section:
    """One section of MAINTAINERS, for those of our subsystems that it covers."""

    name: str
    subsystems: tuple[str, ...]
    lists: tuple[str, ...]


@dataclass(frozen=True)
class Cc:
    sections: tuple[Section, ...]
    lists: tuple[str, ...]
    package: str


def of(subsystems: Iterable[str]) -> Cc | None:
    """None where MAINTAINERS says nothing that is known here of any of them."""
    known = _known()
    found: dict[str, tuple[list[str], list[str]]] = {}
    for subsystem in subsystems:
        for section in known["subsystems"].get(subsystem, ()):
            found.setdefault(section["section"], (section["lists"], []))[1].append(subsystem)
    if not found:
        return None
    sections = tuple(Section(name, tuple(of), tuple(lists)) for name, (lists, of) in found.items())
    return Cc(sections, tuple(sorted({one for section in sections for one in section.lists})), known["package"])


@cache
def _known() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(FILE.read_text())
    return made
