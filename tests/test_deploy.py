"""The files that production starts from are well formed, by the tools that read them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT

BIN = Path(sys.executable).parent


def said(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    return text


def test_compose_is_what_its_specification_says() -> None:
    said(str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_the_dockerfile_has_nothing_to_find_fault_with() -> None:
    assert said(str(BIN / "hadolint"), "Dockerfile") == ""


def test_the_image_has_neither_root_nor_pip_nor_a_database_server() -> None:
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+$", last, re.MULTILINE), "by number: an engine may refuse what it cannot tell from root"
    assert "pip uninstall" in last and "pip install" not in last and "requirements-local" not in last
    assert not re.search(r"postgresql-\d|postgresql\b(?!-client|/)|build-essential|gcc", last)


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (Debian's prometheus)")
def test_alert_rules_are_rules() -> None:
    said("promtool", "check", "rules", "deploy/alerts.yml")
    assert "SUCCESS" in said("promtool", "check", "config", "deploy/prometheus.yml")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze (Debian's systemd)")
def test_units_are_units(tmp_path: Path) -> None:
    """With programs in place of ours: whether /opt/unmigratable is there is not what is asked."""
    for unit in (ROOT / "deploy" / "systemd").iterdir():
        text = unit.read_text().replace("/opt/unmigratable/.venv/bin/", "/bin/true ")
        (tmp_path / unit.name).write_text(text)
    units = sorted(str(one) for one in tmp_path.iterdir())
    assert said("systemd-analyze", "verify", *units, SYSTEMD_LOG_LEVEL="warning").strip() == ""


def test_secrets_are_made_once_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    said("deploy/make-secrets", str(folder), "db.example")
    made = {one.name: one.read_text() for one in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert made["database-password"].strip() in made["database-url"] and "@db.example/" in made["database-url"]
    assert (
        made["broker-password"].strip() in made["broker-url"]
        and made["broker-password"].strip() in made["broker-user.conf"]
    )
    assert all(len(made[name].strip()) == 64 for name in ("secret-key", "database-password", "broker-password"))
    said("deploy/make-secrets", str(folder), "another.example")
    assert {one.name: one.read_text() for one in folder.iterdir()} == made


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the script does")
def test_manage_hands_over_settings_and_secrets_that_its_user_may_not_reach(tmp_path: Path) -> None:
    said("deploy/make-secrets", str(tmp_path / "secrets"), "db.example")
    shutil.copy(ROOT / "deploy" / "unmigratable.env.example", tmp_path / "unmigratable.env")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("UNMIG", "DATABASE", "CELERY"))}
    command = ["deploy/manage", "diffsettings", "--all"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**bare, "ETC": str(tmp_path), "RUN_AS": "root"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    database = (tmp_path / "secrets" / "database-password").read_text().strip()
    assert f"'PASSWORD': '{database}'" in done.stdout and "unmigratable.example" in done.stdout
