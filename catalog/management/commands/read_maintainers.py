"""Makes data/maintainers.json from the kernel's MAINTAINERS: to which lists a patch for each of our subsystems goes.

    apt-get download linux-source-6.12
    dpkg-deb --fsys-tarfile linux-source-6.12_*.deb | tar xO ./usr/src/linux-source-6.12.tar.xz |
        tar xJ linux-source-6.12/MAINTAINERS
    manage.py read_maintainers linux-source-6.12/MAINTAINERS --package "linux-source-6.12 6.12.117-1~deb12u1"

Which file stands for which subsystem is written in data/subsystem_files.json, by hand.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

DATA = Path(settings.BASE_DIR) / "data"
_EVERYTHING = ("THE REST",)
MOST_SECTIONS = 2  # of one file: those that name it most closely


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--package", required=True, help="where the file is from, with its version")

    def handle(self, *args: Any, **options: Any) -> None:
        sections = list(read(options["file"].read_text(encoding="utf-8")))
        files: dict[str, str] = json.loads((DATA / "subsystem_files.json").read_text())
        found = {name: covering(sections, path) for name, path in sorted(files.items())}
        made = {"package": options["package"], "subsystems": {name: of for name, of in found.items() if of}}
        lines = [f"  {json.dumps(name)}: {json.dumps(of)}" for name, of in made["subsystems"].items()]
        head = f'{{\n "package": {json.dumps(made["package"])},\n "subsystems": {{\n'
        (DATA / "maintainers.json").write_text(head + ",\n".join(lines) + "\n }\n}\n")
        for name in found.keys() - made["subsystems"].keys():
            self.stdout.write(f"{name}: no section with a list covers {files[name]}")


def read(text: str) -> Iterator[dict[str, list[str]]]:
    """The sections of MAINTAINERS: its name under '', and its fields by their letters."""
    body = text[text.index("\nMaintainers List") :]
    for block in re.split(r"\n\s*\n", body):
        name, *lines = block.strip().split("\n")
        fields = [re.fullmatch(r"([A-Z]):(.*)", line) for line in lines]
        if any(fields):
            made: dict[str, list[str]] = {"": [name]}
            for field in fields:
                if field:
                    made.setdefault(field[1], []).append(field[2].strip())
            yield made


def covering(sections: list[dict[str, list[str]]], path: str) -> list[dict[str, Any]]:
    """The sections with a list that name a file, the one that names it most closely first."""
    found = []
    for section in sections:
        lists = [line.split()[0] for line in section.get("L", []) if "@" in line and "subscribers-only" not in line]
        closest = max((len(p) for p in section.get("F", []) if covers(p, path)), default=0)
        left_out = any(covers(pattern, path) for pattern in section.get("X", []))
        if closest and lists and not left_out and section[""][0] not in _EVERYTHING:
            found.append((-closest, section[""][0], lists))
    return [{"section": name, "lists": lists} for _, name, lists in sorted(found)[:MOST_SECTIONS]]


def covers(pattern: str, path: str) -> bool:
    """As get_maintainer.pl reads it: `dir/` is all below it, `dir/*` the files in it."""
    if pattern.endswith("/"):
        return path.startswith(pattern)
    return fnmatch.fnmatchcase(path, pattern) and pattern.count("/") == path.count("/")
