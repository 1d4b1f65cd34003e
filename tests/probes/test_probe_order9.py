"""Order-9 allocations, counted on a node that is made up: a pool in a file, and pageblocks that are had or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from probes.cases import CASES
from probes.children.processes import Blocked
from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.zones import Zone
from probes.lab import plan
from probes.lab.guest import Job
from probes.movers import arena as arenas
from probes.movers import attempts, choice
from probes.movers.attempts import Attempt
from probes.movers.compacting import order9, spread_holds
from probes.movers.compacting.order9 import Order9Compaction, Taken, got

BLOCK_PAGES = 512
CONTROL = [block * BLOCK_PAGES for block in range(16)]
TARGET = [block * BLOCK_PAGES for block in range(16, 32)]


class Node:
    """Node 1: what its huge pages are, and who gives them out."""

    def __init__(self, pool: Path) -> None:
        self.pool = pool
        self.held: set[int] = set()
        self.huge: set[int] = set()
        self.busy, self.sleeps, self.closed = False, False, False

    def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        if order["mover"] == "order9":
            assert order["node"] == 1
            self.huge = {block for block in range(40) if block not in self.held}
            self.pool.write_text(f"{len(self.huge)}\n")
            self.busy = self.sleeps
        return Attempt(None, Blocked("D", "reclaim_throttle", []), {}) if self.busy else Attempt(0.1, None, {})

    def wait(self, seconds: float, check: Callable[[], None]) -> float | None:
        if self.busy and (self.sleeps or not seconds):
            return None
        self.busy = False
        return 1.0

    def close(self) -> bool:
        self.closed = True
        return True

    def flags(self, frames: Sequence[int]) -> list[int]:
        return [1 << pages.FLAGS["HUGE"] if frame // BLOCK_PAGES in self.huge else 0 for frame in frames]


class Arena:
    """The scratch memory, of which nothing matters here but that it has whole pageblocks."""

    block_pages, nr_pages = BLOCK_PAGES, 40 * BLOCK_PAGES

    def __init__(self, size_bytes: int) -> None:
        pass

    def own_blocks(self, nr_blocks: int) -> list[int]:
        return [block * BLOCK_PAGES for block in range(nr_blocks)]

    def clear_blocks(self, frames: Sequence[int], but: Sequence[int] = ()) -> None:
        pass

    def punch(self, frames: Sequence[int], run_pages: int = 1, most: int | None = None) -> int:
        return most or 0

    def steer(self, nr_pages: int) -> set[int]:
        return set()

    steer_spread = steer

    def close(self) -> None:
        pass


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path / "node1")
    made.pool.write_text("0\n")
    for module in (attempts, order9):
        monkeypatch.setattr(module, "HUGE", str(tmp_path / "node%d"))
    monkeypatch.setattr(order9, "MoverChild", lambda cpus: made)
    monkeypatch.setattr(order9, "movable_zone", lambda: (1, Zone(1, "Movable", 0, 40 * BLOCK_PAGES)))
    monkeypatch.setattr(order9, "memory_nodes", lambda: [0, 1])
    monkeypatch.setattr(order9, "affordable_on_node", lambda wanted, node: wanted)
    monkeypatch.setattr("probes.movers.usual.Arena", Arena)
    monkeypatch.setattr(syscalls, "bind_memory", lambda node: None)
    monkeypatch.setattr(pages, "flag_bits", made.flags)
    monkeypatch.setattr(spread_holds, "free_blocks_of_order9", lambda: 5)
    return made


def staged(node: Node) -> Order9Compaction:
    mover = Order9Compaction(node, 256 << 20)  # type: ignore[arg-type]
    mover.stage(96)
    mover.note_frames(CONTROL, TARGET)
    return mover


def result(mover: Order9Compaction) -> bool | None:
    mover.arm(CONTROL + TARGET)
    mover.attempt([], 20, lambda: None)
    mover.conclude()
    found = mover.operation()
    assert found
    return found.latest


def test_it_is_had_before_not_while_held_and_again_after(node: Node) -> None:
    mover = staged(node)
    node.held = set(range(16, 32))
    assert result(mover) is False
    node.held = set()
    assert result(mover) is True
    found = mover.operation()
    assert found and found.before is True
    told = mover.facts()
    assert [told[f"nr_target_blocks_had_{when}"] for when in ("before", "while_held", "after_release")] == [16, 0, 16]
    assert [told[f"nr_order9_had_{when}"] for when in ("before", "while_held", "after_release")] == [40, 24, 40]


def test_what_was_had_is_given_back_at_once(node: Node) -> None:
    mover = staged(node)
    assert node.pool.read_text().strip() == "0"
    result(mover)
    assert node.pool.read_text().strip() == "0"
    mover.close()
    assert node.closed


def test_where_the_control_was_not_had_either_nothing_is_known(node: Node) -> None:
    mover = staged(node)
    node.held = set(range(32))
    assert result(mover) is None
    assert got(Taken(nr_control=8, nr_target=7, nr_total=9)) is False
    assert got(Taken(nr_control=7, nr_target=7, nr_total=9)) is None
    assert got(Taken(nr_control=0, nr_target=8, nr_total=9)) is True


def test_of_one_who_sleeps_over_it_no_total_is_told(node: Node) -> None:
    mover = staged(node)
    node.held, node.sleeps = set(range(16, 32)), True
    assert result(mover) is False
    told = mover.facts()
    assert told["order9_unfinished_while_held"] is True
    assert "nr_order9_had_while_held" not in told, "a number that nobody knows"
    node.sleeps = False
    node.held = set()
    assert result(mover) is True


def test_one_who_does_not_wake_up_after_the_release_spoils_the_run(node: Node) -> None:
    mover = staged(node)
    node.sleeps = True
    result(mover)
    with pytest.raises(Disturbed, match="still being asked for"):
        mover.conclude()


def test_huge_pages_of_somebody_else_are_left_alone(node: Node) -> None:
    node.pool.write_text("3\n")
    with pytest.raises(CannotRun, match="there are huge pages already"):
        Order9Compaction(node, 256 << 20)  # type: ignore[arg-type]
    assert node.pool.read_text() == "3\n"


def test_only_a_guest_is_asked_for_all_it_has(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.movers.usual.memory_nodes", lambda: [0])
    child: Any = node
    kinds = [type(choice.make("compaction", child, 256 << 20, True, guest)) for guest in (True, False)]
    assert kinds == [Order9Compaction, spread_holds.SpreadCompaction]


def test_the_lab_gives_it_two_nodes_and_time() -> None:
    job = Job("vmsplice-pipe", "compaction", 1, spread=True)
    assert job.shape.name == "nodes"
    assert Job("vmsplice-pipe", "compaction", 1).shape.name == "plain"
    assert job.hold_seconds(5) == 20
    assert [guest.shape.name for guest in plan.guests([job], CASES)] == ["nodes"]


# The scratch memory, with frames that are made up


@pytest.fixture
def freed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames that were given back, by an arena that has blocks 2 and 4 wholly, and half of block 3."""
    gone: list[int] = []
    frames = [*range(1024, 1536), *range(1536, 1792), *range(2048, 2560)]
    monkeypatch.setattr("probes.movers.arena.LEAST_BYTES", 0)
    monkeypatch.setattr(syscalls, "map_pages", lambda nr: 0)
    monkeypatch.setattr(syscalls, "fill", lambda address, nr: None)
    monkeypatch.setattr(
        syscalls, "advise", lambda address, nr, advice: nr == 1 and gone.append(frames[address // syscalls.PAGE])
    )
    monkeypatch.setattr(pages, "frames_from", lambda address, nr: [None if f in gone else f for f in frames])
    monkeypatch.setattr("probes.kernel.zones.read", lambda: [Zone(1, "Movable", 0, 4096)])
    monkeypatch.setattr("probes.kernel.zones.pageblock_pages", lambda: BLOCK_PAGES)
    return gone


def test_own_blocks_are_whole_ones_and_nothing_is_freed_for_them(freed: list[int]) -> None:
    arena = arenas.Arena(1280 * syscalls.PAGE)
    assert arena.own_blocks(2) == [1024, 2048]
    assert freed == []


def test_a_block_is_cleared_but_for_what_is_to_stay(freed: list[int]) -> None:
    arena = arenas.Arena(1280 * syscalls.PAGE)
    arena.clear_blocks([1024], but=[1024])
    assert sorted(freed) == list(range(1025, 1536))
    arena.clear_blocks([1024])
    assert sorted(freed) == list(range(1024, 1536))


def test_targets_are_the_highest_and_no_more_than_wanted(freed: list[int]) -> None:
    arena = arenas.Arena(1280 * syscalls.PAGE)
    assert arena.punch([1024], most=4) == 4
    assert sorted(freed) == [2552, 2554, 2556, 2558]
