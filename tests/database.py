"""Starts a PostgreSQL of the tests' own before pytest-django reads the settings, unless DATABASE_URL names one.

POSTGRES_BIN=/usr/lib/postgresql/15/bin runs the suite on another version.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from local.postgres import FAST, Postgres

ROOT = Path(__file__).resolve().parent.parent
_server: Postgres | None = None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any, parser: Any, args: list[str]) -> None:
    global _server
    os.environ["UNMIGRATABLE_MODE"] = "local"
    os.environ["UNMIGRATABLE_SECRET_KEY"] = "only-for-tests-" * 4
    os.environ["CELERY_BROKER_URL"] = "memory://"
    os.environ["UNMIGRATABLE_COMMIT"] = "0123456789abcdef"
    if not os.environ.get("DATABASE_URL"):
        _server = Postgres(ROOT / "var" / "test-postgres" / _version(), FAST)
        _server.start()
        os.environ["DATABASE_URL"] = _server.url


def _version() -> str:
    """A data folder belongs to one major version of the server."""
    return os.environ.get("POSTGRES_BIN", "wheel").strip("/").replace("/", "-")


def pytest_unconfigure(config: Any) -> None:
    if _server:
        _server.stop()
        if _server.elsewhere:
            _server.erase()
