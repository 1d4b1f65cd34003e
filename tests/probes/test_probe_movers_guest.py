"""The movers of guests, on files and processes that are made up: nothing here is taken offline."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from diagnosis.words import vocabulary
from probes.cases import CASES
from probes.children import processes
from probes.children.processes import Blocked
from probes.command import check, cli
from probes.command.check import Machine
from probes.errors import CannotRun
from probes.kernel import kmsg, pages, syscalls, zones
from probes.movers import attempts, choice, guest
from probes.movers.attempts import Attempt, MoverChild
from probes.movers.compacting import spread_holds
from probes.movers.guest import Cma, Offline, SoftOffline
from probes.run import runner

GOOD = Machine(True, 2, True, True, 0, 120, 512 << 20)
BLOCK_PAGES = 0x8000000 // 4096


class NoChild:
    """Stands for the mover's process: answers at once with what it was told, or never."""

    def __init__(self, answer: dict[str, Any] | None = None, seconds: float | None = 0.1) -> None:
        self.busy = False
        self.answer: dict[str, Any] = {}
        self.child = processes.Child(os.getpid(), "none")
        self.orders: list[dict[str, Any]] = []
        self._answer, self._seconds = answer or {}, seconds
        self.nr_interrupts = 0

    def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        self.orders.append(order)
        self.busy = self._seconds is None
        self.answer = {} if self.busy else self._answer
        return Attempt(self._seconds, Blocked("R", "0", []) if self.busy else None, {})

    def wait(self, seconds: float, check: Callable[[], None]) -> float | None:
        self.busy, self.answer = False, self._answer
        return 5.0

    def interrupt(self) -> None:
        self.nr_interrupts += 1


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /sys/devices/system/memory with blocks 32 and 33 in ZONE_MOVABLE, and block 1 not."""
    (tmp_path / "block_size_bytes").write_text("8000000\n")
    for block, zone in ((1, "DMA32"), (32, "Movable"), (33, "Movable")):
        (tmp_path / f"memory{block}").mkdir()
        (tmp_path / f"memory{block}/state").write_text("online\n")
        (tmp_path / f"memory{block}/valid_zones").write_text(zone + "\n")
    monkeypatch.setattr(guest, "_MEMORY", str(tmp_path) + "/")
    monkeypatch.setattr(guest, "BLOCK_STATE", str(tmp_path) + "/memory%d/state")
    monkeypatch.setattr(syscalls, "bind_memory", lambda node: None)
    zone = zones.Zone(1, "Movable", 32 * BLOCK_PAGES, 34 * BLOCK_PAGES)
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(0, "DMA32", 0, 2 * BLOCK_PAGES), zone])
    return tmp_path


def in_block(block: int, nr: int = 2) -> list[int]:
    return list(range(block * BLOCK_PAGES, block * BLOCK_PAGES + nr))


# Offline


def test_only_blocks_of_zone_movable_are_asked_for(memory: Path) -> None:
    mover = Offline(NoChild())  # type: ignore[arg-type]
    assert not mover.fits(in_block(1) + in_block(32))
    assert mover.fits(in_block(32) + in_block(33))
    mover.arm(in_block(1))
    assert mover.order() == {"mover": "offline", "blocks": [32, 33]}


def test_a_block_that_went_offline_is_brought_back_as_movable(memory: Path) -> None:
    child = NoChild({"offline": [32]})
    mover = Offline(child)  # type: ignore[arg-type]
    mover.fits(in_block(32))
    mover.attempt([], 5, lambda: None)
    operation = mover.operation()
    assert operation and operation.latest is True
    assert operation.name == "offline of memory block 32 (128 MiB each)"
    (memory / "memory32/state").write_text("offline\n")
    mover.close()
    assert (memory / "memory32/state").read_text() == "online_movable"
    assert (memory / "memory33/state").read_text() == "online\n"


def test_half_of_the_blocks_is_no_success(memory: Path) -> None:
    mover = Offline(NoChild({"offline": [32], "errno": errno.EBUSY}))  # type: ignore[arg-type]
    mover.fits(in_block(32) + in_block(33))
    mover.attempt([], 5, lambda: None)
    operation = mover.operation()
    assert operation and operation.latest is False


def test_before_anything_is_held_every_block_is_tried(memory: Path) -> None:
    child = NoChild({"offline": [32, 33]})
    mover = Offline(child)  # type: ignore[arg-type]
    mover.stage(64)
    mover.stage(64)
    assert child.orders == [{"mover": "offline", "blocks": [32, 33]}]
    assert mover.before is True


def test_while_the_mover_sleeps_nothing_is_known_and_nothing_brought_back(memory: Path) -> None:
    child = NoChild({"offline": [32]}, seconds=None)
    mover = Offline(child)  # type: ignore[arg-type]
    mover.fits(in_block(32))
    mover._sleeps = lambda: True  # type: ignore[method-assign]
    made = mover.attempt([], 2, lambda: None)
    assert not made.returned
    assert child.nr_interrupts == 0
    (memory / "memory32/state").write_text("offline\n")
    mover.settle()
    operation = mover.operation()
    assert operation and operation.latest is None
    assert (memory / "memory32/state").read_text() == "offline\n"


def test_a_mover_that_only_tries_again_is_stopped_by_a_signal(memory: Path) -> None:
    child = NoChild({"offline": [], "errno": errno.EINTR}, seconds=None)
    mover = Offline(child)  # type: ignore[arg-type]
    mover.fits(in_block(32))
    made = mover.attempt([], 2, lambda: None)  # this very process stands for it, and it is awake
    assert (made.returned, child.nr_interrupts) == (True, 1)
    assert mover.facts()["nr_stopped_by_signal"] == 1
    operation = mover.operation()
    assert operation and operation.latest is False


def test_without_movable_memory_there_is_nothing_to_offline(monkeypatch: pytest.MonkeyPatch, memory: Path) -> None:
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(0, "Normal", 0, 100)])
    with pytest.raises(CannotRun, match="ZONE_MOVABLE"):
        Offline(NoChild())  # type: ignore[arg-type]


# Soft offline and CMA


def test_one_frame_that_stays_is_no_success(memory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(guest, "SOFT_OFFLINE", str(tmp_path))
    for nr, expected in ((4, True), (3, False)):
        mover = SoftOffline(NoChild({"nr_soft_offline": nr}))  # type: ignore[arg-type]
        mover.arm(in_block(32, 4))
        mover.attempt([], 5, lambda: None)
        operation = mover.operation()
        assert operation and operation.latest is expected
        assert operation.before is None


def test_cma_is_where_its_huge_page_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    gib = 1 << 18
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(0, "DMA32", 1, 3 * gib)])
    huge = dict.fromkeys(range(gib, 2 * gib), 1 << pages.FLAGS["HUGE"])
    monkeypatch.setattr(pages, "flag_bits", lambda frames: [huge.get(frame, 0) for frame in frames])
    assert guest.gigantic_frames() == [gib]


def test_frames_in_cma_are_told_from_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(guest, "GIGANTIC", str(tmp_path))
    monkeypatch.setattr(guest, "_read", lambda path: "hugetlb_cma=1G")
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(0, "DMA32", 0, 1 << 20)])
    mover = Cma(NoChild())  # type: ignore[arg-type]
    mover.start = 1 << 18
    inside, outside = list(range(1 << 18, (1 << 18) + 16)), list(range(16))
    assert mover.area(inside) == "migrate_cma"
    assert mover.area(outside) == "migrate_movable"
    assert mover.fits(inside)
    assert not mover.fits(inside + outside)
    assert not mover.fits([])


# The process that does it


def test_a_failure_is_a_result_and_a_signal_ends_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real process, with an order that would take for ever."""

    def forever(order: dict[str, Any]) -> dict[str, Any]:
        try:
            time.sleep(600)
        except InterruptedError as error:
            return {"errno": error.errno}
        return {}

    monkeypatch.setattr(attempts, "BLOCK_STATE", str(tmp_path) + "/none%d")
    monkeypatch.setitem(attempts._DO, "cma", forever)
    child = MoverChild(set())
    try:
        assert child.ask({"mover": "offline", "blocks": [7]}, 10, lambda: None).returned
        assert child.answer == {"done": True, "offline": [], "errno": errno.ENOENT}
        child.interrupt()  # between orders it means nothing
        assert not child.ask({"mover": "cma"}, 0.5, lambda: None).returned
        assert child.answer == {}
        child.interrupt()
        assert child.wait(10, lambda: None) is not None
        assert child.answer == {"done": True, "errno": errno.EINTR}
    finally:
        assert child.close()


# Who may


@pytest.mark.parametrize("mover", choice.GUESTS_ONLY)
def test_what_can_hurt_a_machine_is_refused_outside_a_guest(mover: str) -> None:
    assert "--environment guest" in "; ".join(check.obstacles(CASES["vmsplice-pipe"], GOOD, 5, mover))
    assert check.obstacles(CASES["vmsplice-pipe"], GOOD, 5, mover, "guest") == []


@pytest.mark.parametrize("mover", choice.GUESTS_ONLY)
def test_a_refusal_holds_nothing(mover: str, probe: Callable[..., Any]) -> None:
    done = probe("run", "vmsplice-pipe", "--mover", mover)
    assert done.returncode == 125
    assert "staging" not in done.stdout


def test_a_long_hold_is_for_guests(probe: Callable[..., Any]) -> None:
    assert probe("run", "vmsplice-pipe", "--hold", "20").returncode == cli.USAGE
    assert check.effective_hold(CASES["fuse-writeback"], 60, "guest") == 58
    assert check.effective_hold(CASES["fuse-writeback"], 15) == 13


def test_every_mover_is_a_word_of_the_vocabulary() -> None:
    assert set(choice.NAMES) <= vocabulary.MOVERS.keys()


# What the run makes of it


def test_the_operation_is_told_beside_the_pages() -> None:
    found = runner.Measured(
        area="zone_movable",
        control_moved=16,
        moved_after_release=16,
        attempt=Attempt(4.0, None, {}),
        operation={"name": "offline", "before": True, "while_held": False, "after_release": True},
    )
    made = runner.record(found)
    assert made["operation"] == {"name": "offline", "before": True, "while_held": False, "after_release": True}
    assert made["outcome"] == "refuses"


def test_an_operation_that_fails_and_then_succeeds_is_a_control_of_its_own() -> None:
    """alloc_contig_range() stops at the first page that will not move, control pages behind it were never tried."""
    found = runner.Measured(
        area="migrate_cma",
        control_moved=0,
        moved_after_release=16,
        attempt=Attempt(2.0, None, {}),
        operation={"name": "cma", "while_held": False, "after_release": True},
    )
    assert runner.record(found)["outcome"] == "refuses"


# The kernel's log


def test_a_record_of_the_log() -> None:
    record = b"6,1290,12706758,-;migrating pfn 1100fd failed ret:16\n SUBSYSTEM=memory\n"
    assert kmsg.message(record) == "[12.706758] migrating pfn 1100fd failed ret:16"
    assert kmsg.message(b"noise") == ""


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    kept = kmsg.bounded(["line %d" % number for number in range(1000)])
    assert len(kept) == 80
    assert (kept[0], kept[50], kept[-1]) == ("line 0", "(921 lines left out)", "line 999")
    assert kmsg.bounded(["one"]) == ["one"]


def test_flags_are_read_in_runs_and_in_order() -> None:
    assert list(pages._runs([5, 6, 7, 3, 9, 10])) == [(5, 3), (3, 1), (9, 2)]
    assert list(pages._runs([])) == []


# One held page a pageblock


def test_a_block_is_empty_where_no_frame_is_in_use() -> None:
    buddy, lru = 1 << pages.FLAGS["BUDDY"], 1 << pages.FLAGS["LRU"]
    assert spread_holds.is_empty([buddy] * 512)
    assert spread_holds.is_empty([buddy] * 500 + [0] * 12)  # on a list of free pages of one CPU's
    assert not spread_holds.is_empty([buddy] * 511 + [lru])
    assert not spread_holds.is_empty([0] * 512)


def test_larger_pieces_count_as_several_of_order_9() -> None:
    text = (
        "Node 0, zone      DMA      1      1      0      0      0      0      0      0      0      0      2 \n"
        "Node 0, zone    DMA32     10      9      8      7      6      5      4      3      2      3    400 \n"
    )
    assert spread_holds.count_order9(text) == 4 + 3 + 800


class Blocks:
    """An arena whose pageblocks have ten frames."""

    block_pages = 10
    nr_pages = 100
    cleared: list[int] = []

    def clear_blocks(self, frames: Sequence[int]) -> None:
        self.cleared = list(frames)

    def punch(self, frames: Sequence[int], run_pages: int = 1, most: int | None = None) -> int:
        return 7

    def nr_above(self, frames: Sequence[int]) -> int:
        return 90


def spread(monkeypatch: pytest.MonkeyPatch, busy: set[int]) -> spread_holds.SpreadCompaction:
    buddy, lru = 1 << pages.FLAGS["BUDDY"], 1 << pages.FLAGS["LRU"]
    monkeypatch.setattr(pages, "flag_bits", lambda frames: [lru if frame in busy else buddy for frame in frames])
    monkeypatch.setattr(spread_holds, "free_blocks_of_order9", lambda: 5)
    mover = spread_holds.SpreadCompaction(NoChild(), 1 << 20)  # type: ignore[arg-type]
    mover.arena = Blocks()  # type: ignore[assignment]
    return mover


def test_what_held_pages_deny_is_what_comes_free_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "PAGE", 1 << 17)  # ten frames of 128 KiB: a MiB and a quarter
    busy = {3, 13, 23, 33}
    mover = spread(monkeypatch, busy)
    assert mover.fits([3, 13, 23, 33])
    assert not mover.fits([3, 4])
    mover.note_frames([3, 13], [23, 33])
    mover.arm([3, 13, 23, 33])
    busy -= {3, 13}
    mover.attempt([], 5, lambda: None)
    operation = mover.operation()
    assert operation and operation.latest is False
    busy.clear()
    mover.arm([23, 33])
    mover.attempt([], 5, lambda: None)
    operation = mover.operation()
    assert operation and operation.latest is True
    told = mover.facts()
    assert told["nr_control_blocks_emptied_while_held"] == 2
    assert (told["nr_target_blocks_emptied_while_held"], told["nr_target_blocks_emptied_after_release"]) == (0, 2)
    assert told["denied_mib"] == 2
    assert told["nr_free_targets_per_try"] == "7"


def test_a_block_that_is_offline_already_comes_back_before_it_is_asked_again(memory: Path) -> None:
    """As with pages that left first: the block went offline while they were held."""
    mover = Offline(NoChild({"offline": [32]}))  # type: ignore[arg-type]
    mover.fits(in_block(32))
    (memory / "memory32/state").write_text("offline\n")
    mover.attempt([], 5, lambda: None)
    assert (memory / "memory32/state").read_text() == "online_movable"
