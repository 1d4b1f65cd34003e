"""Databases of a run of the suite: one is migrated, one is loaded as well, and each worker takes copies of them.

Whoever asks first makes one, the others wait; a copy is a copy of files. Tests of the same database neither see each
other (they are rolled back) nor those of another worker.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
KEEPS = "TESTS_KEEP_DATABASES"  # is the server the suite's own, so that what is left there is in nobody's way?
_RUN = "TESTS_RUN"
_ALL = "test_run_"
_KEPT = "test_kept_"
_ONE_AT_A_TIME = 20_261_129  # the lock under which databases are made
_numbers = itertools.count(1)


def begin_run() -> None:
    """Names the databases of this run and of its workers, on a server that others may use too."""
    os.environ[_RUN] = str(os.getpid())


def this_run() -> str:
    return f"{_ALL}{os.environ[_RUN]}_"


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as line:
        yield line


def drop_all(beginning: str = _ALL) -> None:
    with _server() as line:
        for (name,) in line.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [beginning]):
            _drop(line, name)


def _drop(line: psycopg.Connection, name: str) -> None:
    line.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def in_use(name: str) -> Iterator[None]:
    """Django works on the database `name`, in every thread, until the end of the block."""
    before = connection.settings_dict["NAME"]
    _turn_to(name)
    try:
        yield
    finally:
        _turn_to(before)


def _turn_to(name: str) -> None:
    """What this process keeps by a revision's id is forgotten: another database gives the id to another text."""
    from catalog.documents import signatures  # models: when Django is set up

    signatures._known.clear()
    connection.close()
    connection.close_pool()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


@contextmanager
def copy_of(original: Callable[[], str]) -> Iterator[str]:
    """A database of one's own, as `migrated` or `loaded` made it."""
    name = f"{this_run()}{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{next(_numbers)}"
    with _server() as line:
        line.execute("SELECT pg_advisory_lock(%s)", [_ONE_AT_A_TIME])
        _create(line, name, original())
    yield name
    with _server() as line:
        _drop(line, name)


def migrated() -> str:
    """On a server of the suite's own it is kept for later runs: to migrate takes 20 s, with each worker waiting."""
    if not os.environ.get(KEEPS):
        return _made_once(f"{this_run()}migrated", "template0", _migrate)
    name = f"{_KEPT}{_digest()}"
    with _server() as line:
        if not line.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            drop_all(_KEPT)  # of migrations that have changed since
    return _made_once(name, "template0", _migrate)


def _digest() -> str:
    """Of whatever makes the tables: our migrations, those of others by their versions, and how they are run."""
    ours = sorted((*ROOT.glob("*/migrations/*.py"), *ROOT.glob("*/management/commands/migrate.py")))
    made = hashlib.sha256(b"".join(path.read_bytes() for path in (*ours, ROOT / "requirements.lock")))
    return made.hexdigest()[:16]


def loaded() -> str:
    """With every case and strategy, and every recorded report, read."""
    return _made_once(f"{this_run()}loaded", migrated(), _load)


def _made_once(name: str, template: str, fill: Callable[[], None]) -> str:
    """Made under another name: what a worker that was killed has begun is never taken for whole."""
    with _server() as line:
        if not line.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            _drop(line, f"{name}_begun")
            _create(line, f"{name}_begun", template)
            with in_use(f"{name}_begun"):
                fill()
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            line.execute(rename.format(sql.Identifier(f"{name}_begun"), sql.Identifier(name)))
    return name


def _create(line: psycopg.Connection, name: str, template: str) -> None:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    line.execute(create.format(sql.Identifier(name), sql.Identifier(template)))


def _migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)


# All tables are locked first: a request that is still at work would commit its rows into the next test. As a replica no
# trigger fires: neither the journal's, which refuses to forget, nor those that keep a ledger of what is deleted.
_EMPTY = """
DO $$
DECLARE
    name text;
    filled boolean;
    tables text[] := ARRAY(
        SELECT format('%I', relname) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'django_migrations' ORDER BY oid);
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE 'LOCK TABLE ' || array_to_string(tables, ', ');
    FOREACH name IN ARRAY tables LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO filled;
        IF filled THEN
            EXECUTE 'DELETE FROM ' || name;
        END IF;
    END LOOP;
END $$
"""
# What ten thousand rows left behind would be read by each test after it, and counted by those that count buffers.
_LEFT_LARGE = """
SELECT format('%I', relname) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 1 << 20
"""


def empty() -> None:
    """After a test that commits. Django's flush truncates each table and makes 300 permissions anew: 0.4 s."""
    with connection.cursor() as cursor:
        cursor.execute(_EMPTY)
        for (name,) in cursor.execute(_LEFT_LARGE).fetchall():
            cursor.execute(f"VACUUM {name}")


def _load() -> None:
    from catalog.revisions import files
    from reports.worker import ingest

    assert all(one.result == "new" for one in files.load(files.all_files()))
    call_command("load_recorded", verbosity=0)
    while not ingest.drain():
        pass
