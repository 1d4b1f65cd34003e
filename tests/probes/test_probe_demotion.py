"""Demotion without a guest: what the kernel says of tiers, groups and reclaim."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from probes.cases import CASES
from probes.command import check
from probes.command.check import Machine
from probes.errors import CannotRun
from probes.kernel import pages, syscalls, zones
from probes.kernel.tracing import migration, reclaim, trace
from probes.lab import guest
from probes.movers import choice
from probes.movers.attempts import MoverChild
from probes.movers.demoting import cold, memcg, tiers
from probes.movers.demoting.demotion import Demotion, lists_of
from probes.movers.usual import Mover

TRACED = """\
unmig-move-99: tracing_mark_write: unmigratable-evicts
unmig-move-99: mm_vmscan_lru_isolate: classzone=4 order=0 nr_requested=4096 nr_scanned=80 nr_skipped=0 nr_taken=64 lru=inactive_file
unmig-move-99: mm_migrate_pages_start: mode=MIGRATE_ASYNC reason=demotion
unmig-move-99: mm_migrate_pages: nr_succeeded=48 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=demotion
unmig-move-99: mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=80 nr_reclaimed=48 nr_dirty=16 nr_writeback=16 nr_congested=0 nr_immediate=0 nr_activate_anon=0 nr_activate_file=16 nr_ref_keep=0 nr_unmap_fail=0 priority=0 flags=RECLAIM_WB_FILE|RECLAIM_WB_ASYNC
unmig-move-99: tracing_mark_write: unmigratable-evicts
unmig-move-99: mm_vmscan_lru_isolate: classzone=4 order=0 nr_requested=4096 nr_scanned=40 nr_skipped=0 nr_taken=40 lru=inactive_anon
unmig-move-99: mm_migrate_pages: nr_succeeded=24 nr_failed=16 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=demotion
unmig-move-99: mm_vmscan_lru_shrink_inactive: nid=0 nr_scanned=40 nr_reclaimed=24 nr_dirty=0 nr_writeback=0 nr_congested=0 nr_immediate=0 nr_activate_anon=16 nr_activate_file=0 nr_ref_keep=0 nr_unmap_fail=0 priority=0 flags=RECLAIM_WB_ANON|RECLAIM_WB_ASYNC
"""  # fmt: skip  # noqa: E501

LRU_GEN = """\
memcg     1 /
 node     0
          0      13370          0        1371
          1       9110       1544        2013
memcg    41 /unmigratable-99
 node     0
          0       5040          0          16
          1       2020          0          48
          2         20        131           0
 node     1
          0       5040          0           0
          1       5040         24           0
"""

LRU, SWAPBACKED = 1 << pages.FLAGS["LRU"], 1 << pages.FLAGS["SWAPBACKED"]
GOOD = Machine(True, 2, True, True, 0, 120, 512 << 20)


# What the kernel says


def test_what_was_demoted_was_not_put_back() -> None:
    assert reclaim.nr_kept(TRACED) == {"file": 16, "anon": 16}
    assert reclaim.nr_kept("") == {"file": 0, "anon": 0}


def test_failed_migrations_count_for_their_reason_alone() -> None:
    assert migration.nr_migrated(TRACED, "demotion") == (72, 16)
    assert migration.nr_migrated(TRACED, "compaction") == (0, 0)


def test_folios_that_are_being_written_are_counted_where_reclaim_passes_them() -> None:
    assert reclaim.nr_in_writeback(TRACED) == 16


def test_the_mode_is_the_kernels_own_word() -> None:
    assert migration.modes(TRACED) == {"MIGRATE_ASYNC demotion": 3}


@pytest.mark.parametrize("node, youngest", [(0, 2), (1, 1)])
def test_generations_are_those_of_the_group_on_the_node(node: int, youngest: int) -> None:
    found = memcg.generations(LRU_GEN, "/unmigratable-99", node)
    assert found is not None and (found.memcg, found.youngest) == (41, youngest)


def test_another_groups_generations_are_none_of_ours() -> None:
    assert memcg.generations(LRU_GEN, "/unmigratable-9", 0) is None
    assert memcg.generations(LRU_GEN, "/unmigratable-99", 2) is None


def test_lists_of_a_node_are_all_of_its_generations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lru_gen").write_text(LRU_GEN)
    monkeypatch.setattr(memcg, "_LRU_GEN", str(tmp_path / "lru_gen"))
    assert memcg.Group("unmigratable-99").nr_on_lists(0) == {"anon": 131, "file": 64}
    assert memcg.Group("unmigratable-99").nr_on_lists(1) == {"anon": 24, "file": 0}
    with pytest.raises(OSError, match="does not name the group other"):
        memcg.Group("other").nr_on_lists(0)


def test_a_group_names_all_but_its_two_youngest_generations_to_be_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    (tmp_path / "lru_gen").write_text(LRU_GEN)
    monkeypatch.setattr(memcg, "_LRU_GEN", str(tmp_path / "lru_gen"))
    monkeypatch.setattr(memcg, "_write", lambda path, text: written.append(text))
    group = memcg.Group("unmigratable-99")
    group.age(0)
    group.evict(0, 200)
    group.evict(1, 200)  # it has two generations alone
    assert written == ["+ 41 0 2 1 1", "- 41 0 0 200"]


def nodes_in_tiers(folder: Path, *lists: tuple[int, str]) -> None:
    for number, nodes in lists:
        (folder / f"memory_tier{number}").mkdir()
        (folder / f"memory_tier{number}/nodelist").write_text(nodes + "\n")


def test_the_faster_tier_has_the_lower_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes_in_tiers(tmp_path, (22, "1"), (4, "0,2"))
    monkeypatch.setattr(tiers, "_TIERS", str(tmp_path))
    monkeypatch.setattr(tiers, "DEMOTION_ENABLED", str(tmp_path))
    assert tiers.tiers() == [[0, 2], [1]]
    assert tiers.upper_and_lower() == (0, {1})


def test_the_nodes_of_all_slower_tiers_are_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes_in_tiers(tmp_path, (4, "0"), (22, "1,3"), (30, "2"))
    monkeypatch.setattr(tiers, "_TIERS", str(tmp_path))
    monkeypatch.setattr(tiers, "DEMOTION_ENABLED", str(tmp_path))
    assert tiers.upper_and_lower() == (0, {1, 2, 3})


def test_in_one_tier_nothing_can_be_demoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes_in_tiers(tmp_path, (4, "0-1"))
    monkeypatch.setattr(tiers, "_TIERS", str(tmp_path))
    with pytest.raises(CannotRun, match="one tier"):
        tiers.upper_and_lower()


# Who asks for it


def test_why_it_cannot_be_had_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memcg, "LRU_GEN_ENABLED", str(tmp_path / "none"))
    answer = cold.demotion({"what": "join", "pid": os.getpid()})
    assert answer == {"cannot": f"{tmp_path}/none: No such file or directory"}


def test_a_page_of_another_process_is_made_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the other process is this one; what is not mapped is passed by."""
    address = syscalls.map_pages(2)
    syscalls.fill(address, 1)
    assert cold._cool(os.getpid(), [address]) == 1
    assert syscalls.is_cached(address) and not syscalls.is_cached(address + syscalls.PAGE)
    syscalls.unmap_pages(address, 2)
    assert cold._cool(os.getpid(), [address]) == 0


# The mover


@pytest.fixture
def mover(monkeypatch: pytest.MonkeyPatch) -> Demotion:
    made = Demotion.__new__(Demotion)
    made.node, made.lower = 0, {1, 2}
    made.zones = [zones.Zone(0, "DMA", 1, 0x1000), zones.Zone(0, "DMA32", 0x1000, 0x40000)]
    made.frames, made.kinds, made.met, made.tries, made.modes = list(range(16)), {"anon"}, [], [], {}
    return made


def answer(charged: int = 16, anon: int = 16, file: int = 16) -> dict[str, Any]:
    return {"nr_charged": charged, "nr_left": {"anon": anon, "file": file}, "nr_cold": 12}


def test_the_target_was_met_where_all_that_is_left_was_put_back(mover: Demotion) -> None:
    assert not mover.met_target(), "before any attempt"
    mover._note(TRACED, answer())
    assert mover.met_target()
    mover._note(TRACED, answer(file=17))
    assert mover.met_target(), "the target is on the other list"
    mover._note(TRACED, answer(anon=17))
    assert not mover.met_target()


def test_a_page_that_is_tried_twice_is_not_two(mover: Demotion) -> None:
    """16 migrations failed, and 16 pages were put back in two evictions together: 8 pages, each twice."""
    half = "".join(
        line.replace("nr_taken=40", "nr_taken=32").replace("nr_failed=16", "nr_failed=8") + "\n"
        for line in TRACED.splitlines()[4:]
    )
    assert reclaim.nr_kept(half + half)["anon"] == 16 and migration.nr_migrated(half + half, "demotion")[1] == 16
    assert reclaim.most_kept(half + half) == {"anon": 8, "file": 0}
    mover._note(half + half, answer())
    assert not mover.met_target()
    assert mover.tries[-1]["nr_anon_put_back"] == 8


def test_each_eviction_is_marked_in_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Group:
        def age(self, node: int) -> None:
            done.append("age")

        def nr_charged(self, frames: Sequence[int]) -> int:
            return len(frames)

        def evict(self, node: int, swappiness: int) -> None:
            done.append(f"swappiness {swappiness}")

        def nr_on_lists(self, node: int) -> dict[str, int]:
            return {"anon": 0, "file": 0}

    monkeypatch.setattr(trace, "_write", lambda name, text: done.append(f"{name} {text}"))
    monkeypatch.setattr(cold, "_cool", lambda pid, addresses: len(addresses))
    order = {"pid": 1, "node": 0, "addresses": [1, 2], "frames": [3]}
    assert cold._demote(Group(), order)["nr_cold"] == 2  # type: ignore[arg-type]
    mark = "trace_marker unmigratable-evicts"
    assert done == ["age", "age", mark, "swappiness 0", mark, "swappiness 200"]


def test_a_process_that_is_gone_does_not_hide_what_went_wrong(mover: Demotion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end of the socket is closed by then, so that sending already fails."""
    unbound: list[object] = []
    monkeypatch.setattr(syscalls, "bind_memory", unbound.append)
    mover.child = MoverChild(set())
    os.kill(mover.child.child.pid, signal.SIGKILL)
    assert mover.child.child.wait(10.0)
    mover.close()
    assert unbound == [None]
    mover.child.close()


def test_a_target_of_another_group_or_off_the_lists_was_not_met(mover: Demotion) -> None:
    mover._note(TRACED, answer(charged=15))
    assert not mover.met_target()
    mover.kinds = {"none"}
    mover._note(TRACED, answer())
    assert not mover.met_target()


def test_what_each_try_came_to_is_told(mover: Demotion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers, "tiers", lambda: [[0], [1]])
    mover._note(TRACED, answer())
    mover._note("", answer(anon=0, file=0))
    told = mover.facts()
    assert (told["nr_demoted_per_try"], told["nr_migrations_failed_per_try"]) == ("72 0", "16 0")
    assert (told["nr_in_writeback_met_per_try"], told["nr_anon_left_per_try"]) == ("16 0", "16 0")
    assert told["nr_pages_made_cold_per_try"] == "12 12"
    assert (told["tiers"], told["migrate_modes_traced"]) == ("0 > 1", "MIGRATE_ASYNC demotion 3")


@pytest.mark.parametrize(
    "nodes, moved",
    [([1, 1, 0], 2), ([1, 1, 1], 2), ([0, 0, 0], 0), ([-2, 1, -2], 1), ([1, 2, 0], 2)],
    ids=["one stayed", "two have new frames", "read anew on the upper node", "dropped", "on two lower nodes"],
)
def test_only_what_is_on_the_lower_node_was_demoted(
    mover: Demotion, nodes: list[int], moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syscalls, "nodes_of", lambda addresses: nodes)
    assert mover.confirmed([0, 1, 2], 2) == moved


def test_what_is_mapped_nowhere_is_not_asked_for_its_node(mover: Demotion) -> None:
    assert mover.confirmed([], 3) == 0, "on which node it is was not seen"
    assert Mover.confirmed(mover, [1], 3) == 3, "of other movers the frames decide"


def test_a_page_that_reclaim_unmapped_is_mapped_again_if_it_is_in_memory(
    mover: Demotion, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[int] = []
    monkeypatch.setattr(syscalls, "nodes_of", lambda addresses: [{1: 0, 2: -2, 3: -2}[addresses[0]]])
    monkeypatch.setattr(syscalls, "is_cached", lambda address: address == 2)
    monkeypatch.setattr(syscalls, "touch", lambda address, nr: touched.append(address))
    mover._map_again([1, 2, 3])
    assert touched == [2]


def test_pages_fit_on_the_upper_node_alone(mover: Demotion) -> None:
    assert mover.fits([0x1, 0x3FFFF])
    assert not mover.fits([0x1, 0x40000])
    assert not mover.fits([])


@pytest.mark.parametrize(
    "bits, lists", [([LRU, LRU], {"file"}), ([LRU | SWAPBACKED], {"anon"}), ([LRU, SWAPBACKED], {"file", "none"})]
)
def test_flags_tell_the_list(bits: Sequence[int], lists: set[str]) -> None:
    assert lists_of(bits) == lists


def test_without_tracepoints_it_is_not_measured() -> None:
    child = MoverChild(set())
    try:
        with pytest.raises(CannotRun, match="throw-away"):
            Demotion(child)
    finally:
        child.close()


# Where it goes


def test_it_is_for_guests_and_goes_by_frame() -> None:
    assert "demotion" in choice.GUESTS_ONLY and "demotion" in choice.reaching(["compaction"])
    assert "demotion" not in choice.reaching(["move_pages"])


def test_an_ordinary_user_may_hold() -> None:
    case = CASES["vmsplice-pipe"]
    assert check.obstacles(case, GOOD, 1.0, "demotion", "guest", "unprivileged") == []
    assert "throw-away" in check.obstacles(case, GOOD, 1.0, "demotion", "host")[0]


def test_its_machine_has_a_slower_node_without_processors() -> None:
    shape = guest.shape_for("demotion")
    command = " ".join(guest.command(shape, "image", "initramfs", "console", "results", "tcg"))
    assert "hmat=on" in command and "nodeid=1,memdev=m1,initiator=0" in command
    assert "target=1,hierarchy=memory,data-type=access-latency,latency=40" in command
    assert "numa_balancing=disable" in command
