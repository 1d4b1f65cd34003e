"""Starts a PostgreSQL of the tests' own before pytest-django reads the settings, unless DATABASE_URL names one.

Each worker of pytest-xdist has its own: who follows the journal waits for every transaction that runs on a server.
POSTGRES_BIN=/usr/lib/postgresql/15/bin runs the suite on another version.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Any

import pytest

from local.binaries import find_binaries
from local.postgres import FAST, Postgres

ROOT = Path(__file__).resolve().parent.parent
# Tells a worker that DATABASE_URL is the server of the run that started it, and nobody's wish.
_OURS = "TESTS_STARTED_DATABASE"
_server: Postgres | None = None
_locks: list[IO[str]] = []  # held until this process ends


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: list[str]) -> None:
    global _server
    os.environ["UNMIGRATABLE_MODE"] = "local"
    os.environ["UNMIGRATABLE_SECRET_KEY"] = "only-for-tests-" * 4
    os.environ["CELERY_BROKER_URL"] = "memory://"
    os.environ["UNMIGRATABLE_COMMIT"] = "0123456789abcdef"
    # WhiteNoise warns, and so fails the tests, where nothing was collected yet.
    (ROOT / "var" / "static").mkdir(parents=True, exist_ok=True)
    if not os.environ.get("DATABASE_URL") or os.environ.get(_OURS):
        _server = Postgres(_free_folder(ROOT / "var" / "test-postgres"), FAST)
        _server.start()
        os.environ["DATABASE_URL"] = _server.url
        os.environ[_OURS] = "1"


def _free_folder(parent: Path) -> Path:
    """A data folder that no other run of the suite uses at this moment; one for each version of the server."""
    parent.mkdir(parents=True, exist_ok=True)
    version = str(find_binaries()).strip("/").replace("/", "-")
    for number in range(1, 100):
        lock = (parent / f"{version}-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            _locks.append(lock)
            return parent / f"{version}-{number}"
    raise RuntimeError(f"too many runs at once in {parent}")


def pytest_unconfigure(config: Any) -> None:
    if _server:
        _server.stop()
        if _server.elsewhere:
            _server.erase()
    for lock in _locks:
        lock.close()
