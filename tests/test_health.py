"""/healthz and /readyz say what is so, to whoever asks, by whatever name; and other names cost one line of the log."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from whitenoise.storage import CompressedManifestStaticFilesStorage

from config.middleware import health
from config.settings import LOGGING
from config.startup import logs

pytestmark = pytest.mark.django_db
NAMES = ("localhost", "10.1.2.3", "web:8000", "no.such.name", "a b", "[", "x" * 300)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("path", "said"), [("/healthz", b"alive\n"), ("/readyz", b"ready\n")])
def test_a_probe_is_answered_by_whatever_name(
    path: str, said: bytes, name: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["unmigratable.example"], True
    answer = Client().get(path, headers={"Host": name})
    assert (answer.status_code, answer.content) == (200, said)
    assert not caplog.records


@pytest.mark.parametrize("name", NAMES[1:])
def test_another_name_elsewhere_is_refused_with_one_line_of_the_log(
    name: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["unmigratable.example"]
    answer = Client().get("/", headers={"Host": name})
    assert answer.status_code == 400
    (record,) = [one for one in caplog.records if one.name == "django.security.DisallowedHost"]
    assert record.exc_info, "there is a traceback to leave out"
    line = logs.OneLine().format(record)
    assert "\n" not in line and "Traceback" not in line and len(line) < 600
    assert LOGGING["loggers"]["django.security"] == {"handlers": ["one line"], "propagate": False}


def test_a_line_cannot_be_broken_and_is_bounded() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "a\nb" + "c" * 9_000, (), None)
    assert logs.OneLine().format(record).count("\n") == 0 and len(logs.OneLine().format(record)) < 600


def test_it_is_not_ready_while_migrations_are_missing() -> None:
    applied = MigrationRecorder.Migration.objects.filter(app="people", name__gt="0008")
    missing = list(applied.values_list("name", flat=True))
    applied.delete()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert re.search(rb"\d migrations are missing, the first people.0008_\w+: run manage.py migrate", answer.content)
    for name in (*missing, "9999_of_a_later_release"):
        MigrationRecorder.Migration.objects.create(app="people", name=name)
    assert Client().get("/readyz").status_code == 200, "a later release may have migrated already"


def test_it_is_not_ready_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", away)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.content) == (503, b"no database, or an empty one\n")


@pytest.mark.processes
def test_it_is_not_ready_until_every_static_file_is_collected(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    kind = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": kind}}
    fresh = CompressedManifestStaticFilesStorage
    monkeypatch.setattr(health, "staticfiles_storage", fresh())
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and b"is not collected: run manage.py collectstatic" in answer.content
    call_command("collectstatic", verbosity=0, interactive=False)
    monkeypatch.setattr(health, "staticfiles_storage", fresh())
    assert Client().get("/readyz").content == b"ready\n"
    manifest = tmp_path / "static" / "staticfiles.json"
    kept = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**kept, "paths": {k: v for k, v in kept["paths"].items() if k != "icon.svg"}}))
    monkeypatch.setattr(health, "staticfiles_storage", fresh())
    assert b"static file icon.svg is not collected" in Client().get("/readyz").content, "of an older release"


def test_being_ready_asks_two_questions(django_assert_num_queries: Any) -> None:
    """Which migrations are applied, and when the last sweep was."""
    Client().get("/readyz")
    with django_assert_num_queries(2):
        Client().get("/readyz")
