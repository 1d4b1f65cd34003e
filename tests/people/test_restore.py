"""Dumped with pg_dump and restored into a new cluster, the journal goes on: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.postgres import FAST, Postgres
from tests.running import ROOT

pytestmark = pytest.mark.processes

BEFORE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.db import connection
for _ in range(3000):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
from tests import builders
ada, bob, case = builders.person("ada"), builders.person("bob"), builders.case()
following.set_cadence(bob, subjects.of_document(case.document).subject, "at_once")
fan_out.note_all()
threads.say(case.document, ada, "told before the dump")
fan_out.note_all()
threads.say(case.document, ada, "not told before the dump")
seen = client()
threads.say(case.document, ada, "without a place at the dump")
"""
LOST = """
say("lost with the old cluster")
seen = client()
"""
AFTER = """
seen = client()
say("after the restore")
fan_out.note_all()
seen += client(seen[-1]["place"])
"""
COMMON = """
import json, django; django.setup()
from django.test import Client
from catalog.models import Document
from mailing.follows import following, subjects
from mailing.models import Notice
from mailing.outbox import fan_out
from discussion.comments import threads
from discussion.models import Comment
from people.models import Event, User
def client(since=""):
    return Client(SERVER_NAME="localhost").get("/api/v1/events/?limit=200&since=" + str(since)).json()["results"]
def say(text):
    threads.say(Document.objects.get(slug="fuse-writeback"), User.objects.get(username="ada"), text)
%s
made = {
    "seen": [int(row["place"]) for row in seen],
    "events": Event.objects.count(),
    "told": sorted(Comment.objects.get(pk=one.event.data["comment"]).text for one in Notice.objects.all()),
    "ahead": SINCE and len(client(SINCE)),
}
print(json.dumps(made))
"""


def run(server: Postgres, code: str, since: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", COMMON.replace("SINCE", str(since)) % code],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def program(server: Postgres, name: str, *arguments: str, given: bytes = b"") -> bytes:
    """One of the server's own programs, as its user."""
    where = ["-h", str(server.socket), "-U", "unmigratable"]
    done = subprocess.run(
        [str(server.bin / name), *where, *arguments], **server._child(), input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Postgres, Postgres]]:
    old, new = Postgres(tmp_path / "old", FAST), Postgres(tmp_path / "new", FAST)
    try:
        yield old, new
    finally:
        old.erase()
        new.erase()


def test_after_a_restore_every_event_is_served_once_and_followers_go_on(servers: tuple[Postgres, Postgres]) -> None:
    old, new = servers
    old.start()
    before = run(old, BEFORE)
    dump = program(old, "pg_dump", "--format=custom", "unmigratable")
    lost = run(old, LOST)
    xid = b"select pg_current_xact_id()"
    high = int(program(old, "psql", "-qAt", "unmigratable", given=xid))
    old.stop()
    new.start()
    assert int(program(new, "psql", "-qAt", "unmigratable", given=xid)) < high - 2_000, "the set-up says nothing"
    program(new, "pg_restore", "--no-owner", "--exit-on-error", "-d", "unmigratable", given=dump)
    after = run(new, AFTER, since=lost["seen"][-1])
    assert_goes_on(before, after)


def assert_goes_on(before: Any, after: Any) -> None:
    assert after["seen"] == sorted(set(after["seen"])), "something came twice, or out of order"
    assert after["seen"][: len(before["seen"])] == before["seen"], "places that were given are kept"
    assert len(after["seen"]) == len(before["seen"]) + 2, "what had no place at the dump, and what is new"
    assert after["ahead"] == 2, "who had read beyond the dump sees what is new, too"
    assert after["told"] == sorted(
        ["told before the dump", "not told before the dump", "without a place at the dump", "after the restore"]
    )


def manage(server: Postgres, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": server.url, "POSTGRES_BIN": str(server.bin)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_backup_and_restore_are_one_command_each(servers: tuple[Postgres, Postgres], tmp_path: Path) -> None:
    old, new = servers
    old.start()
    before = run(old, BEFORE)
    for _ in range(3):
        done = manage(old, "backup", str(tmp_path / "dumps"), "--keep", "2")
        assert done.returncode == 0, done.stderr
        time.sleep(1.1)  # a dump is named by the second
    dumps = sorted((tmp_path / "dumps").iterdir())
    assert len(dumps) == 2 and all(stat.S_IMODE(one.stat().st_mode) == 0o600 for one in dumps)
    assert done.stdout == f"{dumps[-1]} {dumps[-1].stat().st_size}\n"
    refused = manage(old, "restore", str(dumps[-1]))
    assert refused.returncode == 1 and "this database is not empty" in refused.stderr
    lost = run(old, LOST)
    old.stop()
    new.start()
    done = manage(new, "restore", str(dumps[-1]))
    assert done.returncode == 0 and "they agree" in done.stdout, done.stderr
    assert_goes_on(before, run(new, AFTER, since=lost["seen"][-1]))


def test_a_dump_that_fails_leaves_nothing_and_the_last_one_stays(
    servers: tuple[Postgres, Postgres], tmp_path: Path
) -> None:
    old, _ = servers
    old.start()
    (tmp_path / "whole.dump").write_text("the last one")
    old.stop()
    done = manage(old, "backup", str(tmp_path / "whole.dump"))
    assert done.returncode == 2 and "DATABASE_URL" in done.stderr
    assert [one.name for one in tmp_path.iterdir() if "dump" in one.name] == ["whole.dump"]
    assert (tmp_path / "whole.dump").read_text() == "the last one"
