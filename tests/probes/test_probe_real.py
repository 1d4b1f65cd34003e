"""The three cases for real, with a short hold. What comes must be honest; compaction may draw a blank."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable
from typing import Any

import pytest

from diagnosis.formats import envelope
from diagnosis.matching import outcome
from tests.probes.measured import run_of

pytestmark = pytest.mark.real_probe


def run(probe: Callable[..., Any], *arguments: str) -> tuple[int, envelope.Envelope, dict[str, Any]]:
    done = probe("run", *arguments, "--hold", "3", "--json")
    sent = run_of(done)
    read = envelope.read(done.stdout.encode())
    slug, _ = outcome.judge(envelope.count(sent))
    assert slug == sent["outcome"]
    return done.returncode, read, sent


def release_of(read: envelope.Envelope) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", read.kernel.release)
    assert found
    return int(found[1]), int(found[2])


def test_fuse_writeback(probe: Callable[..., Any]) -> None:
    code, read, sent = run(probe, "fuse-writeback", "--on-this-host")
    assert sent["facts"]["nr_requests_withheld"] >= 1
    if release_of(read) >= (6, 16):
        assert sent["outcome"] in ("hangs", "refuses", "inconclusive")
        assert sent["facts"]["nr_pages_under_writeback"] == 16
        assert "WRITEBACK" in sent["facts"]["held_folio_flags"]
        assert sent["target"]["nr_moved_while_held"] == 0
    if sent["outcome"] == "hangs":
        assert code == 1
        assert sent["blocked"]["state"] == "D"
        assert any("folio_wait_writeback" in frame for frame in sent["blocked"]["stack"])
        assert sent["freed_seconds"] < 10
        assert sent["target"]["nr_moved_after_release"] >= 8


def test_readahead_locked(probe: Callable[..., Any]) -> None:
    code, _read, sent = run(probe, "readahead-locked", "--on-this-host")
    assert sent["outcome"] in ("hangs", "refuses", "inconclusive")
    assert sent["facts"]["nr_pages_locked"] >= 8
    assert "LOCKED" in sent["facts"]["held_folio_flags"]
    assert "UPTODATE" not in sent["facts"]["held_folio_flags"]
    assert sent["target"]["nr_moved_while_held"] == 0
    if sent["outcome"] == "hangs":
        assert code == 1
        assert any("folio_lock" in frame or "folio_wait_bit" in frame for frame in sent["blocked"]["stack"])


def test_vmsplice_pipe(probe: Callable[..., Any]) -> None:
    code, _read, sent = run(probe, "vmsplice-pipe")
    assert sent["outcome"] in ("refuses", "inconclusive")
    assert sent["facts"]["pipe_bytes"] == 16 * mmap.PAGESIZE
    assert sent["target"]["nr_moved_while_held"] == 0
    assert sent["attempt"]["returned"] is True
    assert code == (1 if sent["outcome"] == "refuses" else 125)


def test_the_report_says_on_what_it_was_measured(probe: Callable[..., Any]) -> None:
    _, read, sent = run(probe, "vmsplice-pipe", "--label", "patched")
    assert read.kernel.label == "patched"
    assert "fs.pipe-user-pages-soft" in read.kernel.sysctl
    assert read.kernel.nr_nodes and read.kernel.nr_nodes >= 1
    assert re.search(r"\(\w+@(?!hidden)", read.kernel.version) is None
    assert sent["holder"] == "privileged"
    assert sent["area"] in ("migrate_movable", "zone_movable")
