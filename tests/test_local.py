"""The embedded database does not trust what it finds lying about."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.postgres import CannotStart, Postgres


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


def test_two_servers_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.postgres.LAST_ONE_SECONDS", 0.5)
    first = Postgres(tmp_path / "data")
    first.start()
    try:
        with pytest.raises(CannotStart, match="another PostgreSQL"):
            Postgres(tmp_path / "data").start()
    finally:
        first.erase()
