"""Each start that cannot succeed ends with one sentence that names the variable or the place, and with exit code 2."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError

from config.startup import starting
from local.postgres import FAST, Postgres
from tests.running import PATIENCE_SECONDS, ROOT, free_port, until
from tests.test_settings import GOOD

pytestmark = pytest.mark.processes
PROGRAMS = {
    "manage.py": ["manage.py", "migrate"],
    "gunicorn": ["-m", "gunicorn", "-c", "config/server.py", "config.wsgi"],
    "worker": ["-m", "celery", "-q", "-A", "config", "worker", "-Q", "ingest"],
    "beat": ["-m", "celery", "-q", "-A", "config", "beat", "--pidfile="],
    "make run": ["-m", "local.run"],
}
NOWHERE = "postgresql://somebody:hunter2@127.0.0.1:1/none"


def start(program: str, var: Path | str, **changed: str) -> str:
    """The one sentence that it ends with."""
    environment = {
        **GOOD,
        "DATABASE_URL": NOWHERE,
        "CELERY_BROKER_URL": "memory://",
        "PATH": os.environ["PATH"],
        "UNMIGRATABLE_VAR": str(var),
        "PORT": str(free_port()),
        **changed,
    }
    done = subprocess.run(
        # Beat's schedule would else lie in the checkout.
        [sys.executable, *PROGRAMS[program], *(["--schedule", f"{var}-schedule"] if program == "beat" else [])],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, len(lines)) == (2, 1), done.stderr + done.stdout
    assert "Traceback" not in done.stdout and "hunter2" not in done.stdout + done.stderr
    return lines[0]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("UNMIGRATABLE_SITE_URL", "https://host.example/", "without a path or a slash at its end"),
        ("DATABASE_URL", NOWHERE, "127.0.0.1, port 1: Connection refused"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, program: str, name: str, value: str, said: str) -> None:
    sentence = start(program, tmp_path, **{name: value})
    assert sentence.startswith(f"{name}: ") and said in sentence


@pytest.mark.parametrize("program", ["manage.py", "make run"])
def test_a_host_that_is_none_and_a_database_that_is_not_named_are_said(tmp_path: Path, program: str) -> None:
    assert "no connection to nowhere.invalid" in start(
        program, tmp_path, DATABASE_URL="postgresql://a@nowhere.invalid/x"
    )
    assert "names no database" in start(program, tmp_path, DATABASE_URL="postgresql://a@127.0.0.1:1")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server that asks the user `guarded` for a password."""
    server = Postgres(tmp_path_factory.mktemp("guarded") / "postgres", FAST)
    try:
        server.start()
        assert server.process
        with psycopg.connect(server.url, autocommit=True) as line:
            line.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        rules = server.data / "pg_hba.conf"
        rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
        server.process.send_signal(signal.SIGHUP)
        with psycopg.connect(server.url, autocommit=True) as line:
            until(lambda: line.execute("SELECT type FROM pg_hba_file_rules").rowcount > 0, PATIENCE_SECONDS, "no rules")
        yield server
    finally:
        server.erase()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_password_is_said_without_it(tmp_path: Path, guarded: Postgres, program: str) -> None:
    url = guarded.url.replace("//unmigratable@", "//guarded:hunter2@")
    sentence = start(program, tmp_path, DATABASE_URL=url)
    assert 'password authentication failed for user "guarded". Check the user and the password' in sentence


def test_a_user_that_may_not_make_tables_is_said(tmp_path: Path, guarded: Postgres) -> None:
    url = guarded.url.replace("//unmigratable@", "//guarded:right@")
    assert "DATABASE_URL: its user may not do this: permission denied" in start("manage.py", tmp_path, DATABASE_URL=url)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("program", ["gunicorn", "worker", "beat", "make run"])
def test_a_broker_that_refuses_the_password_is_said(tmp_path: Path, guarded: Postgres, program: str) -> None:
    server = shutil.which("redis-server")
    if not server:
        pytest.skip("redis-server is not here")
    port = free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", "right", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as redis:
        try:
            until(lambda: answers(port), PATIENCE_SECONDS, "redis did not start")
            broker = f"redis://:hunter2@127.0.0.1:{port}/0"
            sentence = start(program, tmp_path, DATABASE_URL=guarded.url, CELERY_BROKER_URL=broker)
        finally:
            redis.terminate()
    assert sentence.startswith(f"CELERY_BROKER_URL: the broker at 127.0.0.1:{port} refuses: ")


def test_a_taken_port_is_said_by_gunicorn(tmp_path: Path, guarded: Postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = f"127.0.0.1:{other.getsockname()[1]}"
        said = start("gunicorn", tmp_path, DATABASE_URL=guarded.url, GUNICORN_CMD_ARGS=f"--bind {where}")
    assert said == f"--bind {where}: Address already in use. End what listens there, or choose another."


@pytest.mark.parametrize("program", ["gunicorn", "worker", "make run"])
def test_a_folder_that_cannot_be_made_is_said(program: str, guarded: Postgres) -> None:
    said = start(program, "/proc/unmigratable", DATABASE_URL=guarded.url, CELERY_BROKER_URL="filesystem://localhost")
    assert "/proc/unmigratable" in said and "UNMIGRATABLE_VAR" in said


def test_a_relative_folder_is_refused_before_it_is_made() -> None:
    assert start("make run", "relative-var").startswith("UNMIGRATABLE_VAR: expected an absolute path")
    assert not (ROOT / "relative-var").exists()


def test_a_disk_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    var = tmp_path / "small"
    var.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(var)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        var.chmod(0o755)
        for folder in [var, *var.parents][:-2]:
            folder.chmod(folder.stat().st_mode | 0o111)
        said = start("make run", var, DATABASE_URL="")
        assert "The database needs 160 MB. There are 4" in said and str(var) in said
    finally:
        subprocess.run(["umount", str(var)], check=True)


def test_no_room_for_the_server_is_said_and_a_defect_keeps_its_traceback() -> None:
    full = OperationalError("could not extend file: No space left on device")
    full.__cause__ = psycopg.errors.DiskFull("could not extend file: No space left on device\nHINT: …")
    assert starting.sentence(full) == (
        "There is no room on the disk: could not extend file: No space left on device. Make room, and start again."
    )
    with pytest.raises(ZeroDivisionError), starting.or_a_sentence():
        _ = 1 / 0
