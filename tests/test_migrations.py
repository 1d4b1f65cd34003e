"""A migration holds nobody up and is safe while the release before runs. Older ones are let stand."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.core.management import call_command
from django.db import OperationalError, connection, migrations
from django.db.migrations.loader import MigrationLoader

from config.management.commands import migrate
from tests.running import ROOT

OURS = {config.label for config in apps.get_app_configs() if (ROOT / config.label / "migrations").is_dir()}
# The last of each app that is not asked. A new app is asked from its first on.
BEFORE = {"catalog": 19, "discussion": 10, "people": 14, "reports": 22, "rest": 2, "webhooks": 1}
# Migration: why it may all the same, by somebody who thought of what runs meanwhile.
LET_STAND: dict[str, str] = {}
NOT_CONCURRENTLY = re.compile(r"CREATE (UNIQUE )?INDEX(?! CONCURRENTLY)", re.IGNORECASE)
OLD_CODE_FAILS = (migrations.RenameField, migrations.RenameModel, migrations.AlterModelTable)


def asked() -> dict[str, Any]:
    found = MigrationLoader(None).disk_migrations
    return {
        f"{app}.{name}": migration
        for (app, name), migration in sorted(found.items())
        if app in OURS and int(name[:4]) > BEFORE.get(app, 0) and f"{app}.{name}" not in LET_STAND
    }


def faults(migration: Any) -> list[str]:
    """What is wrong with it, in words."""
    made = {one.name_lower for one in migration.operations if isinstance(one, migrations.CreateModel)}
    found = []
    flat = list(_flattened(migration.operations))
    kinds = {type(one) for one in flat}
    for one in flat:
        fresh = getattr(one, "model_name_lower", "") in made
        name = f"{type(one).__name__} {getattr(one, 'model_name', '')} {getattr(one, 'name', '')}".strip()
        if isinstance(one, migrations.AddIndex) and not isinstance(one, AddIndexConcurrently) and not fresh:
            found.append(f"{name}: writers wait while it is made; AddIndexConcurrently")
        if isinstance(one, migrations.RemoveIndex) and not isinstance(one, RemoveIndexConcurrently):
            found.append(f"{name}: RemoveIndexConcurrently")
        if isinstance(one, OLD_CODE_FAILS):
            found.append(f"{name}: the release before asks for the old name")
        if isinstance(one, migrations.AddField) and not fresh and not _may_be_left_out(one.field):
            found.append(f"{name}: rows of the release before have no value for it; null or db_default")
        if isinstance(one, migrations.RunSQL) and NOT_CONCURRENTLY.search(str(one.sql)):
            found.append(f"{name}: CREATE INDEX CONCURRENTLY")
    if {AddIndexConcurrently, RemoveIndexConcurrently} & kinds and migration.atomic:
        found.append("atomic = False: concurrently means outside of a transaction")
    if migrations.RunPython in kinds and kinds & {migrations.AddField, migrations.AlterField, migrations.CreateModel}:
        found.append("schema and data in one: the lock of the first is held for as long as the second takes")
    return found


def _may_be_left_out(field: Any) -> bool:
    return bool(field.null or field.has_db_default() or field.many_to_many)


def _flattened(operations: Any) -> Any:
    for one in operations:
        if isinstance(one, migrations.SeparateDatabaseAndState):
            yield from _flattened(one.database_operations)
        else:
            yield one


def test_what_must_not_be_in_a_migration_is_found() -> None:
    """The rule itself, by the migrations of before that would not pass today."""
    found = MigrationLoader(None).disk_migrations
    wrong = {f"{app}.{name}" for (app, name), one in found.items() if app in OURS and faults(one)}
    assert len(wrong) >= 5
    concurrently = found["reports", "0021_report_settled"]
    assert not faults(concurrently)
    concurrently = type("Migration", (type(concurrently),), {"atomic": True})("0021_report_settled", "reports")
    assert faults(concurrently) == ["atomic = False: concurrently means outside of a transaction"]


def test_no_migration_from_now_on_holds_anybody_up() -> None:
    assert {name: wrong for name, one in asked().items() if (wrong := faults(one))} == {}


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_migration_that_cannot_have_its_lock_gives_up_and_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody reads a table for long: an ALTER of it waits for three seconds, and every later reader behind it."""
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.0)
    tried = threading.Event()
    monkeypatch.setattr(migrate.time, "sleep", lambda _: (tried.set(), done.wait(10)))
    done = threading.Event()
    last = MigrationLoader(None).graph.leaf_nodes("reports")[0][1]
    call_command("migrate", "reports", "0021", verbosity=0)

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE reports_report IN ACCESS SHARE MODE")
            held.set()
            tried.wait(30)
            cursor.execute("ROLLBACK")
        connection.close()
        done.set()

    held = threading.Event()
    reader = threading.Thread(target=hold)
    reader.start()
    held.wait(10)
    call_command("migrate", "reports", last, verbosity=0)
    reader.join()
    assert tried.is_set(), "it waited without end"
    assert "somebody holds a lock" in capsys.readouterr().err


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_it_ends_with_the_error_where_the_lock_is_never_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TRIES", 1)
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    last = MigrationLoader(None).graph.leaf_nodes("reports")[0][1]
    call_command("migrate", "reports", "0021", verbosity=0)
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE reports_report IN ACCESS SHARE MODE")
            held.set()
            release.wait(60)
            cursor.execute("ROLLBACK")
        connection.close()

    reader = threading.Thread(target=hold)
    reader.start()
    held.wait(10)
    try:
        with pytest.raises(OperationalError, match="lock timeout"):
            call_command("migrate", "reports", last, verbosity=0)
    finally:
        release.set()
        reader.join()
        call_command("migrate", "reports", last, verbosity=0)
