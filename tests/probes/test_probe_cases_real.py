"""The further cases for real, with a short hold. Compaction may draw a blank; what comes must be honest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import envelope
from diagnosis.matching import outcome
from probes.errors import CannotRun
from probes.kernel.uring import RegisteredBuffers
from tests.probes.conftest import needs_xfs
from tests.probes.measured import run_of

pytestmark = pytest.mark.real_probe

PAGE = 4096


def run(probe: Callable[..., Any], *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the run as it would be sent: read and judged again as the server does."""
    done = probe("run", *arguments, "--hold", "2", "--json")
    sent = run_of(done)
    envelope.read(done.stdout.encode())
    assert outcome.judge(envelope.count(sent))[0] == sent["outcome"]
    assert sent["attempt"]["returned"] is True
    return done.returncode, sent


def held_by_a_reference(code: int, sent: dict[str, Any]) -> None:
    """What nobody can move while it is held, and anybody after. Nothing is said where the control stayed."""
    assert sent["outcome"] in ("refuses", "inconclusive")
    assert sent["target"]["nr_moved_while_held"] == 0
    assert "LOCKED" not in sent["facts"]["held_folio_flags"]
    assert "WRITEBACK" not in sent["facts"]["held_folio_flags"]
    if sent["outcome"] == "refuses":
        assert code == 1
        assert sent["control"]["nr_moved"] >= 8
        assert sent["target"]["nr_moved_after_release"] >= 8
        assert sent["freed_seconds"] < 10


def test_splice_pagecache_pipe(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "splice-pagecache-pipe")
    held_by_a_reference(code, sent)
    assert sent["facts"]["pipe_bytes"] == 16 * PAGE
    assert "ANON" not in sent["facts"]["held_folio_flags"]


def test_skb_frags_sendfile(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "skb-frags-sendfile")
    held_by_a_reference(code, sent)
    assert sent["facts"]["queued_bytes"] == 16 * PAGE


def test_odirect_slow_io(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "odirect-slow-io")
    held_by_a_reference(code, sent)
    assert sent["facts"]["nr_requests_withheld"] >= 1
    assert "ANON" in sent["facts"]["held_folio_flags"]


@pytest.mark.parametrize("slug, anonymous", [("io-uring-fixed-buffers", True), ("gup-longterm", False)])
def test_a_long_term_pin(slug: str, anonymous: bool, probe: Callable[..., Any]) -> None:
    """Where there is no ZONE_MOVABLE and no CMA to leave, it holds like any other reference."""
    try:
        RegisteredBuffers().open()
    except CannotRun as error:
        pytest.skip(str(error))
    code, sent = run(probe, slug, "--mover", "compaction")
    held_by_a_reference(code, sent)
    assert ("ANON" in sent["facts"]["held_folio_flags"]) == anonymous
    assert sent["facts"].get("nr_pins_more", 16) >= 8  # of the whole system, where others unpin meanwhile


def test_secretmem(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "secretmem", "--mover", "compaction")
    assert sent["outcome"] == "never_there"
    assert code == 0
    assert sent["target"]["in_movable_area"] is False
    assert sent["target"]["nr_moved_while_held"] == 0
    assert sent["facts"]["nr_pages_on_movable_frames"] == 0
    assert "nr_moved_after_release" not in sent["target"]


def test_mlock_compaction_policy(probe: Callable[..., Any]) -> None:
    setting = Path("/proc/sys/vm/compact_unevictable_allowed")
    before = setting.read_text()
    _, sent = run(probe, "mlock-compaction-policy", "--mover", "compaction")
    assert "MLOCKED" in sent["facts"]["held_folio_flags"]
    assert sent["facts"]["vm.compact_unevictable_allowed"] == int(before)
    expected = "moves" if int(before) else "refuses"
    assert sent["outcome"] in (expected, "inconclusive")
    assert setting.read_text() == before


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs a second CPU")
def test_lru_add_batches(probe: Callable[..., Any]) -> None:
    """Off the LRU when it was touched, and moved all the same: the mover drains the batches."""
    _, sent = run(probe, "lru-add-batches", "--mover", "compaction")
    assert sent["outcome"] in ("moves", "inconclusive")
    assert sent["facts"]["nr_pages_not_on_lru"] == sent["target"]["nr_pages"] == 8
    assert "LRU" not in sent["facts"]["held_folio_flags"].split()


def test_aio_ring(probe: Callable[..., Any]) -> None:
    """Not allocated as movable, and not migrated before; held by the one who fetches, and moved after that."""
    _, sent = run(probe, "aio-ring", "--mover", "compaction")
    assert sent["outcome"] == "never_there"
    assert sent["target"]["nr_moved_while_held"] == 0
    assert sent["facts"]["nr_pages_migrated_before"] == 0


@pytest.mark.skipif(shutil.which("mkfs.ext4", path="/usr/sbin:/sbin") is None, reason="needs mkfs.ext4")
def test_bh_refs_blockdev(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "bh-refs-blockdev", "--mover", "compaction")
    held_by_a_reference(code, sent)
    assert sent["facts"]["nr_inodes_changed"] == sent["target"]["nr_pages"] == 16


@needs_xfs
def test_a_dirty_folio_is_not_split(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "split-dirty-iomap", "--mover", "split")
    assert sent["outcome"] == "refuses"
    assert code == 1
    assert sent["control"] == {"nr_pages": 16, "nr_moved": 16}
    assert sent["target"]["nr_moved_while_held"] == 0
    assert sent["target"]["nr_moved_after_release"] == 16
    assert sent["vmstat"]["thp_split_page"] >= 16
    assert sent["vmstat"]["thp_split_page_failed"] >= 16
    assert {"COMPOUND_HEAD", "DIRTY"} <= set(sent["facts"]["held_folio_flags"].split())


@needs_xfs
def test_a_dirty_folio_stays_where_no_target_of_its_order_is_free(probe: Callable[..., Any]) -> None:
    code, sent = run(probe, "split-dirty-iomap", "--mover", "compaction")
    assert sent["outcome"] in ("refuses", "inconclusive")
    assert sent["facts"]["nr_folios_dirty"] == sent["target"]["nr_pages"] == 64
    if sent["outcome"] == "refuses":
        assert code == 1
        assert sent["target"]["nr_moved_while_held"] <= 3
        assert sent["target"]["nr_moved_after_release"] >= 32


def test_netfs_unresponsive_server(probe: Callable[..., Any]) -> None:
    done = probe("run", "netfs-unresponsive-server", "--on-this-host", "--hold", "2", "--json")
    envelope.read(done.stdout.encode())
    sent = json.loads(done.stdout)["runs"][0]
    if "\t9p\n" not in Path("/proc/filesystems").read_text():
        assert (done.returncode, sent["outcome"]) == (125, "skipped")
        assert "no 9p" in sent["reason"]
        return
    assert sent["outcome"] in ("hangs", "refuses", "inconclusive"), sent
    assert sent["facts"]["nr_pages_locked"] >= 8
