"""Settings refuse nonsense with a sentence, and are safe when nothing is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.startup.environment import FROM_FILES, KNOWN, Environment
from tests.running import ROOT

GOOD = {
    "UNMIGRATABLE_SECRET_KEY": "k" * 30 + "0123456789" * 3,
    "UNMIGRATABLE_HOSTS": "unmigratable.example",
    "UNMIGRATABLE_SITE_URL": "https://unmigratable.example",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "amqp://broker.example//",
}


def start(command: str = "check", **changed: str) -> subprocess.CompletedProcess[str]:
    environment = {**GOOD, **changed, "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=ROOT,
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.processes
def test_production_settings_leave_check_deploy_nothing_to_say() -> None:
    done = start("check --deploy --fail-level INFO")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


BAD = [
    ("UNMIGRATABLE_SECRET_KEY", "", "50 printable characters"),
    ("UNMIGRATABLE_SECRET_KEY", "short", "50 printable characters"),
    ("UNMIGRATABLE_MODE", "prod", "one of production, local"),
    ("UNMIGRATABLE_HOSTS", "", "host names"),
    ("UNMIGRATABLE_SITE_URL", "http://unmigratable.example", "an https address"),
    ("UNMIGRATABLE_LEASE_SECONDS", "soon", "a whole number from 2 to 3000"),
    ("UNMIGRATABLE_SWEEP_SECONDS", "0", "a whole number from 1 to 3600"),
    ("UNMIGRATABLE_COMMIT", "main", "7 to 40 hex digits"),
    ("UNMIGRATABLE_COLOUR", "red", "no such setting"),
    ("DATABASE_URL", "sqlite:///db", "postgres"),
    ("CELERY_BROKER_URL", "http://broker", "amqp"),
    ("UNMIGRATABLE_QUEUE", "my queue", "up to 60"),
    ("UNMIGRATABLE_KCIDB_ORIGIN", "my-lab", "up to 60"),
    ("UNMIGRATABLE_SITE_URL", "https://host.example/", "slash at its end, such as https://unmigratable.example, found"),
    ("UNMIGRATABLE_SMTP", "smtp://h:notaport", "with a port from 0 to 65535"),
    ("UNMIGRATABLE_SMTP", "smtps://", "with a host"),
    ("DATABASE_URL", "postgresql://somebody:hunter2@h:notaport/x", "with a port from 0 to 65535"),
    ("CELERY_BROKER_URL", "amqp://guest:pass/word@h:77777//", "with a port from 0 to 65535"),
    ("UNMIGRATABLE_VAR", "relative", "an absolute path, found 'relative'"),
]


@pytest.mark.processes
@pytest.mark.parametrize(("name", "value", "said"), BAD)
def test_nonsense_stops_the_start_and_names_the_setting(name: str, value: str, said: str) -> None:
    done = start(**{name: value})
    (sentence,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and sentence.startswith(f"{name}: ") and said in sentence


@pytest.mark.processes
def test_no_secret_is_in_what_is_said() -> None:
    for name, value in {
        "DATABASE_URL": "mysql://root:hunter2@db/x",
        "CELERY_BROKER_URL": "amqp://root:hunter2@db:x//",
        "UNMIGRATABLE_SECRET_KEY": "hunter2",
        "UNMIGRATABLE_SMTP": "smtp://me:hunter2@h:x",
        "UNMIGRATABLE_GITHUB": "no colon hunter2",
    }.items():
        done = start(**{name: value})
        assert done.returncode == 2 and "hunter2" not in done.stderr + done.stdout


def test_every_setting_is_documented_and_nothing_else_is() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert set(re.findall(r"`(UNMIGRATABLE_\w+)`", text)) == KNOWN.keys()


def test_the_models_and_the_migrations_agree() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", FROM_FILES)
def test_a_secret_may_be_the_first_line_of_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{GOOD.get(name, 'a:b')}\nanything else\n")
    assert Environment({f"{name}_FILE": str(file)}).given == {name: GOOD.get(name, "a:b")}


def test_a_file_that_cannot_be_read_and_a_secret_said_twice_stop_the_start(tmp_path: Path) -> None:
    missing, binary, fine = tmp_path / "missing", tmp_path / "binary", tmp_path / "fine"
    binary.write_bytes(b"\xff\xfe")
    fine.write_text("postgresql://somebody:hunter2@h/x")
    for given, said in (
        ({"DATABASE_URL_FILE": str(missing)}, f"DATABASE_URL_FILE: {missing} cannot be read: No such file"),
        ({"DATABASE_URL_FILE": str(binary)}, "cannot be read: it is no text"),
        ({"DATABASE_URL_FILE": str(fine), "DATABASE_URL": "postgresql://x"}, "DATABASE_URL: said twice"),
    ):
        with pytest.raises(ImproperlyConfigured, match=re.escape(said)) as raised:
            Environment(given)
        assert "hunter2" not in str(raised.value)


def test_only_what_holds_a_secret_may_be_a_file() -> None:
    with pytest.raises(ImproperlyConfigured, match="UNMIGRATABLE_HOSTS_FILE: no such setting"):
        Environment({"UNMIGRATABLE_HOSTS_FILE": "/etc/hosts"})
