"""Starts a PostgreSQL of the tests' own before pytest-django reads the settings, unless DATABASE_URL names one.

The workers of pytest-xdist share it; each has databases of its own, which tests/databases.py copies.
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
from tests import databases

ROOT = Path(__file__).resolve().parent.parent
_server: Postgres | None = None
_locks: list[IO[str]] = []  # held until this process ends


def _is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: list[str]) -> None:
    global _server
    os.environ["UNMIGRATABLE_MODE"] = "local"
    os.environ["UNMIGRATABLE_SECRET_KEY"] = "only-for-tests-" * 4
    os.environ["CELERY_BROKER_URL"] = "memory://"
    os.environ["UNMIGRATABLE_COMMIT"] = "0123456789abcdef"
    # WhiteNoise warns, and so fails the tests, where nothing was collected yet.
    (ROOT / "var" / "static").mkdir(parents=True, exist_ok=True)
    if _is_worker():
        return
    databases.begin_run()
    if not os.environ.get("DATABASE_URL"):
        _server = Postgres(_free_folder(ROOT / "var" / "test-postgres"), FAST)
        _server.start()
        os.environ["DATABASE_URL"] = _server.url
        os.environ[databases.KEEPS] = "yes"
        databases.drop_all()  # what a run that was killed has left in this folder


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
    if _is_worker():
        return
    if _server and _server.elsewhere:
        _server.erase()
    else:
        databases.drop_all(databases.this_run())
    if _server:
        _server.stop()
    for lock in _locks:
        lock.close()
