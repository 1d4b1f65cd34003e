"""The spool: whole files or none, and a bound."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probes.errors import SpoolFull
from probes.sending.spool import Spool


def test_what_is_put_waits_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for age, name in ((10, "younger"), (20, "older")):
        os.utime(spool.put(name, b"{}"), (1_000_000 - age, 1_000_000 - age))
    assert [path.name for path in spool.waiting()] == ["older.json", "younger.json"]


def test_it_is_ours_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    path = spool.put("one", b"{}")
    assert path.stat().st_mode & 0o777 == 0o600
    assert spool.folder.stat().st_mode & 0o777 == 0o700


def test_no_partial_file_is_seen_or_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError):
        spool.put("one", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_bound_in_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_files=2)
    spool.put("one", b"{}")
    spool.put("two", b"{}")
    with pytest.raises(SpoolFull, match="2 reports wait"):
        spool.put("three", b"{}")
    assert len(spool.waiting()) == 2


def test_a_bound_in_bytes(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=10)
    spool.put("one", b"x" * 10)
    with pytest.raises(SpoolFull):
        spool.put("two", b"x")


def test_refused_reports_make_room_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_files=2)
    spool.refuse(spool.put("one", b"{}"))
    spool.put("two", b"{}")
    spool.put("three", b"{}")
    assert len(spool.waiting()) == 2
    assert spool.refused() == []
