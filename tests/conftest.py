from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from django.test import TransactionTestCase, override_settings
from hypothesis import HealthCheck, settings

from reports.intake.bell import Bell
from tests import databases

CHEAP = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# How long an example takes says what else the machine does, and nothing of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


# A shell that starts the suite in the background has SIGINT ignored by all below it, and what it starts could not be
# interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def plain_static_files() -> Iterator[None]:
    """Pages name their static files without a manifest: nothing was collected."""
    storages = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=storages):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Instead of pytest-django's, which migrates a database for each worker."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: databases.empty())
        copy = databases.copy_of(databases.migrated)
        with copy as name, databases.in_use(name), django_db_blocker.block():
            yield


@pytest.fixture(scope="module")
def whole_catalog(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A module's tests find every case and strategy loaded, and every recorded report read."""
    with django_db_blocker.unblock():
        copy = databases.copy_of(databases.loaded)
        with copy as name, databases.in_use(name), django_db_blocker.block():
            yield


Made = TypeVar("Made")
Once = Callable[[Callable[[], Made]], Made]


@pytest.fixture(scope="module")
def once(django_db_setup: None, django_db_blocker: Any) -> Iterator[Once[Any]]:
    """What it is given to make is made once for a module, in a database of its own. Each test is rolled back on top of
    it; one that commits would empty it for the others."""

    def make(what: Callable[[], Made]) -> Made:
        cheap = {"LIMITS": {}, "PASSWORD_HASHERS": CHEAP}
        with django_db_blocker.unblock(), override_settings(**cheap), pytest.MonkeyPatch.context() as patch:
            patch.setattr(Bell, "ring", lambda self: None)
            patch.setattr(Bell, "ring_now", lambda self: None)
            return what()

    with django_db_blocker.unblock():
        copy = databases.copy_of(databases.migrated)
        with copy as name, databases.in_use(name), django_db_blocker.block():
            yield make


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Any) -> None:
    """Signing somebody up costs a third of a second otherwise, and no test here is about that."""
    settings.PASSWORD_HASHERS = CHEAP


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The bell, counted instead of rung: the one thing that tests replace, beside time and chance."""
    heard: list[float] = []
    monkeypatch.setattr(Bell, "ring", lambda self: heard.append(1))
    monkeypatch.setattr(Bell, "ring_now", lambda self: heard.append(1))
    return heard


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    """Leases are queries: counts of queries would depend on the order of tests. See tests/rest/test_limits.py."""
    settings.LIMITS = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes begins first: begun last, it would be waited for with the other worker idle."""
    slow = ("whole", "processes")
    items.sort(key=lambda item: next((n for n, mark in enumerate(slow) if item.get_closest_marker(mark)), len(slow)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A gzip stream holds the second in which it was made: two workers would not agree on the names of tests."""
    return argname if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None
