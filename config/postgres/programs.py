"""PostgreSQL's own programs, run on our database. What its address holds travels in the environment: the arguments of a
process can be read by every user of the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

_FOLDER = Path("/usr/lib/postgresql")  # Debian keeps each version's there
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


def run(name: str, *arguments: str, connect: bool = True) -> None:
    """`{database}` in an argument is the database's name. Raises `CommandError` with what the program says."""
    given: dict[str, Any] = connection.get_connection_params() if connect else {}
    known = {_VARIABLES[key]: str(value) for key, value in given.items() if key in _VARIABLES and value}
    named = [one.format(database=given.get("dbname", "")) if one.startswith("--dbname=") else one for one in arguments]
    program = _found(name)
    done = subprocess.run([program, *named], env={**os.environ, **known}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")


def _found(name: str) -> str:
    """The newest: one that is older than the server refuses to dump it."""
    for folder in _folders():
        if path := shutil.which(name, path=str(folder)):
            return path
    if path := shutil.which(name):
        return path
    raise CommandError(f"{name} is not here: install PostgreSQL's client programs (Debian's postgresql-client).")


def _folders() -> Iterator[Path]:
    if given := os.environ.get("POSTGRES_BIN"):
        yield Path(given)
    found = [one for one in _FOLDER.glob("[0-9]*/bin") if one.parent.name.isdigit()]
    yield from sorted(found, key=lambda one: int(one.parent.name), reverse=True)
