"""khugepaged: where the pages lie that it is to collapse, what it says of them, and what a run makes of that.

The captures are what guests with 6.1.176, 6.12.117 and 7.3.4 traced with vmsplice-pipe and skb-frags-sendfile: the
first lines of an attempt while the target was held.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from probes.cases import CASES
from probes.command import check
from probes.command.check import Machine
from probes.errors import CannotRun, Disturbed
from probes.kernel import pages, syscalls
from probes.kernel.tracing.collapse import statuses
from probes.movers import attempts, choice, khugepaged, traces
from probes.movers.attempts import Attempt
from probes.movers.khugepaged import Khugepaged
from probes.run.experiment import NR_PAGES, POOL_PAGES, Surroundings
from probes.run.pool import AnonymousPool, SharedPool

RANGE = 2 << 20
CAPTURED = Path(__file__).parent / "khugepaged"
# Of each capture: a frame of the control and one of the target, and where the control's range lies.
CAPTURES = {
    "6.1-anonymous": (0x8C39, 0x8C3A, 0),
    "6.12-anonymous": (0x9033, 0x9034, 0),
    "7.3-anonymous": (0x9F4D5, 0x9F4D4, 0),
    "6.1-shared": (0x8DA2, 0x8DA3, 0),
    "6.12-shared": (0xA2E1, 0xA2E2, 0x7F3020400000),
    "7.3-shared": (0x9E18A, 0x9E18B, 0x7FBB48C00000),
}
# Who collapses a file is named by nothing in 6.1, and a range of anonymous memory in 7.3 only as it is isolated.
COLLAPSED = {
    "6.1-anonymous": {"collapse_huge_page_isolate succeeded": 1, "khugepaged_scan_pmd succeeded": 1},
    "6.12-anonymous": {"collapse_huge_page_isolate succeeded": 1, "khugepaged_scan_pmd succeeded": 1},
    "7.3-anonymous": {"collapse_huge_page_isolate succeeded": 1},
    "6.1-shared": {},
    "6.12-shared": {"khugepaged_collapse_file succeeded": 1},
    "7.3-shared": {"khugepaged_collapse_file succeeded": 1},
}


def captured(name: str) -> str:
    return (CAPTURED / f"{name}.txt").read_text()


ANON_7_3 = captured("7.3-anonymous")


@pytest.mark.parametrize("name", CAPTURES)
def test_it_is_read_what_khugepaged_says_of_each_range(name: str) -> None:
    text, (control, target, address) = captured(name), CAPTURES[name]
    event = "khugepaged_scan_file" if name.endswith("shared") else "khugepaged_scan_pmd"
    first, second = range(address, address + RANGE), range(address + RANGE, address + 2 * RANGE)
    assert statuses(text, {control}, first) == COLLAPSED[name]
    assert statuses(text, {target}, second) == {event + " not_suitable_page_count": 1}
    assert statuses(text, {1, 2}, second) == {}


# Where the pages lie


@pytest.fixture
def mover() -> Khugepaged:
    """Without the settings of a machine, and without a process that makes them."""
    made = Khugepaged.__new__(Khugepaged)
    made.stage = lambda nr_pages: None  # type: ignore[method-assign]
    return made


@pytest.mark.parametrize("kind", [AnonymousPool, SharedPool])
def test_control_and_target_lie_in_a_range_each(kind: type[AnonymousPool], mover: Khugepaged) -> None:
    pool = kind(Surroundings(1.0, set()))
    pool.prepare(mover)
    try:
        assert pool.control[0] % RANGE == 0 and pool.target[0] == pool.control[0] + RANGE
        assert [len(pool.control), len(pool.target)] == [NR_PAGES, NR_PAGES]
        assert resident(pool.address, pool.nr_pages) == [*range(NR_PAGES), *range(512, 512 + NR_PAGES)]
        if isinstance(pool, SharedPool):
            assert os.fstat(pool.fd).st_size == 2 * RANGE
            assert os.pread(pool.fd, 1, pool.offset_of(pool.target[0])) == b"\1"
    finally:
        pool.forget()


def resident(address: int, nr_pages: int) -> list[int]:
    """Which pages of a range have memory: mincore(2)."""
    seen = (ctypes.c_ubyte * nr_pages)()
    size = ctypes.c_size_t(nr_pages * mmap.PAGESIZE)
    assert ctypes.CDLL(None).mincore(ctypes.c_void_p(address), size, seen) == 0
    return [index for index, bits in enumerate(seen) if bits & 1]


def test_for_other_movers_the_pool_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "frames_of", lambda addresses: list(range(100, 100 + len(addresses))))
    pool = AnonymousPool(Surroundings(1.0, set()))
    other = Khugepaged.__new__(Khugepaged)
    other.range_pages = 0
    other.stage = lambda nr_pages: None  # type: ignore[method-assign]
    pool.prepare(other)
    assert pool.nr_pages == POOL_PAGES
    assert pool.target == [pool.address + index * mmap.PAGESIZE for index in range(NR_PAGES)]
    pool.forget()


# What a run makes of it


class Trace:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self) -> None:
        pass

    def new(self) -> str:
        return self.text


class Child:
    """Answers at once with what it was told; or never."""

    def __init__(self, trace: Trace | None, seconds: float | None = 0.1) -> None:
        self.trace, self.seconds, self.busy = trace, seconds, False
        self.orders: list[dict[str, Any]] = []
        self.answer = {"nr_full_scans": 3}

    def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        self.orders.append(order)
        self.busy = self.seconds is None
        return Attempt(self.seconds, None, {})


@pytest.fixture
def thp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "khugepaged").mkdir()
    for name, text in (
        ("enabled", "[always] madvise never\n"),
        ("shmem_enabled", "always within_size advise [never] deny force\n"),
        *(
            (f"khugepaged/{name}", "7\n")
            for name in ("defrag", "max_ptes_none", "alloc_sleep_millisecs", "pages_to_scan")
        ),
        ("khugepaged/full_scans", "4\n"),
        ("khugepaged/scan_sleep_millisecs", "77"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(khugepaged, "THP", f"{tmp_path}/")
    monkeypatch.setattr(attempts, "FULL_SCANS", f"{tmp_path}/khugepaged/full_scans")
    monkeypatch.setattr(attempts, "SCAN_SLEEP", f"{tmp_path}/khugepaged/scan_sleep_millisecs")
    return tmp_path


def tried(thp: Path, text: str, frames: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> Khugepaged:
    """A mover after one attempt at memory of this process. `frames`: of control and target."""
    monkeypatch.setattr(pages, "frames_of", lambda addresses: [1] * len(addresses))
    monkeypatch.setattr(pages, "flag_bits", lambda found: [0] * len(found))
    made = Khugepaged(Child(Trace(text)))  # type: ignore[arg-type]
    made.note_frames([frames[0]], [frames[1]])
    start = syscalls.map_aligned(2 * RANGE // mmap.PAGESIZE)
    assert made.attempt([start, start + RANGE], 5.0, lambda: None).returned
    syscalls.unmap_pages(start, 2 * RANGE // mmap.PAGESIZE)
    return made


def test_it_has_met_the_target_where_it_names_a_folio_of_it(thp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tried(thp, ANON_7_3, (0x9F4D5, 0x9F4D4), monkeypatch)
    assert made.met_target()
    assert made.facts()["khugepaged_at_target_per_try"] == "khugepaged_scan_pmd not_suitable_page_count 1"
    assert made.facts()["khugepaged_at_control_per_try"] == "collapse_huge_page_isolate succeeded 1"
    assert made.facts()["nr_full_scans_per_try"] == "3"


def test_it_has_not_where_it_collapsed_the_target_or_never_named_it(thp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for frames in ((0x9F4D4, 0x9F4D5), (1, 2)):
        assert not tried(thp, ANON_7_3, frames, monkeypatch).met_target()
    never = Khugepaged(Child(Trace("")))  # type: ignore[arg-type]
    assert not never.met_target()


@pytest.mark.parametrize(
    "word, met",
    [
        ("not_suitable_page_count", True),
        ("page_locked", True),
        ("page_dirty_or_writeback", True),
        ("lack_referenced_page", False),
        ("alloc_huge_page_failed", False),
        ("exceed_none_pte", False),
    ],
)
def test_only_a_reason_that_can_come_from_a_hold_counts(
    word: str, met: bool, thp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ANON_7_3.replace("not_suitable_page_count", word)
    assert tried(thp, text, (0x9F4D5, 0x9F4D4), monkeypatch).met_target() == met


def test_what_was_collapsed_by_address_counts_for_such_a_reason_alone(thp: Path) -> None:
    made = Khugepaged(Child(Trace("")))  # type: ignore[arg-type]
    made.said["target"] = [{"khugepaged_collapse_file alloc_huge_page_failed": 1}]
    assert not made.met_target()
    made.said["target"] = [{"khugepaged_collapse_file succeeded": 1, "khugepaged_collapse_file page_has_private": 1}]
    assert made.met_target()


def test_the_settings_are_made_before_memory_and_put_back(thp: Path) -> None:
    child = Child(Trace(""))
    made = Khugepaged(child)  # type: ignore[arg-type]
    made.stage(64)
    made.stage(64)  # once is enough
    made.close()
    before, after = (dict(order["settings"]) for order in child.orders)
    assert before[f"{thp}/enabled"] == "madvise" and before[f"{thp}/shmem_enabled"] == "advise"
    assert before[f"{thp}/khugepaged/max_ptes_none"] == "511"
    assert after[f"{thp}/enabled"] == "always" and after[f"{thp}/shmem_enabled"] == "never"
    assert after[f"{thp}/khugepaged/max_ptes_none"] == "7" and before.keys() == after.keys()


def test_a_process_that_is_gone_does_not_hide_what_went_wrong(thp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child(Trace(""))
    made = Khugepaged(child)  # type: ignore[arg-type]
    made.stage(64)

    def gone(*asked: object) -> Attempt:
        raise Disturbed("the mover's process ended")

    monkeypatch.setattr(child, "ask", gone)
    made.close()


def test_an_attempt_that_is_under_way_still_is_stopped_and_all_is_put_back(thp: Path) -> None:
    done: list[str] = []

    class Stuck(Child):
        def interrupt(self) -> None:
            done.append("interrupted")

        def wait(self, seconds: float, check: Callable[[], None]) -> float | None:
            done.append("waited")
            self.busy, self.seconds = False, 0.1
            raise Disturbed("the mover failed: asked to stop")

    child = Stuck(Trace(""))
    made = Khugepaged(child)  # type: ignore[arg-type]
    made.stage(64)
    child.seconds = None
    start = syscalls.map_aligned(2 * RANGE // mmap.PAGESIZE)
    assert not made.attempt([start, start + RANGE], 5.0, lambda: None).returned
    syscalls.unmap_pages(start, 2 * RANGE // mmap.PAGESIZE)
    assert child.orders[-1]["seconds"] > 5.0, "its process waits longer than the run does"
    made.close()
    assert done == ["interrupted", "waited"]
    assert dict(child.orders[-1]["settings"])[f"{thp}/enabled"] == "always"


def test_without_a_trace_or_the_thread_there_is_nothing_to_measure(thp: Path) -> None:
    with pytest.raises(CannotRun, match="throw-away guest"):
        Khugepaged(Child(None))  # type: ignore[arg-type]
    with pytest.raises(CannotRun, match=r"^there is no task unmig-none$"):
        traces.task_named("unmig-none")


def test_why_there_is_no_thread_is_told_before_anything_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda path: [])
    with pytest.raises(CannotRun, match=r"no task khugepaged: .*CONFIG_TRANSPARENT_HUGEPAGE.*switched off"):
        traces.start_trace("khugepaged", Child(None))  # type: ignore[arg-type]


def test_the_process_waits_for_whole_scans_and_leaves_the_sleep_as_it_was(
    thp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans, sleep, seen = thp / "khugepaged/full_scans", thp / "khugepaged/scan_sleep_millisecs", []

    def scan(seconds: float) -> None:
        seen.append(sleep.read_text())
        scans.write_text(str(int(scans.read_text()) + 1))

    monkeypatch.setattr(attempts.time, "sleep", scan)
    assert attempts._khugepaged({"nr_scans": 3, "seconds": 600.0}) == {"nr_full_scans": 3}
    assert seen == ["20"] * 3 and sleep.read_text() == "77"

    def stopped(seconds: float) -> None:
        raise InterruptedError

    monkeypatch.setattr(attempts.time, "sleep", stopped)
    with pytest.raises(InterruptedError):
        attempts._khugepaged({"nr_scans": 3, "seconds": 600.0})
    assert sleep.read_text() == "77"


def test_the_process_does_not_wait_without_end(thp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        assert clock[0] < 60.0, "it goes on and on"
        clock[0] += 1.0

    monkeypatch.setattr(attempts.time, "sleep", sleep)
    monkeypatch.setattr(attempts.time, "monotonic", lambda: clock[0])
    with pytest.raises(OSError, match="did not come to an end"):
        attempts._khugepaged({"nr_scans": 3, "seconds": 5.0})
    assert (thp / "khugepaged/scan_sleep_millisecs").read_text() == "77"


# Who may


def test_it_is_for_guests_and_for_cases_whose_pages_can_be_laid_out() -> None:
    good = Machine(True, 1, True, True, 0, 120, 512 << 20)
    case = CASES["vmsplice-pipe"]
    assert "--environment guest" in "; ".join(check.obstacles(case, good, 5, "khugepaged"))
    assert check.obstacles(case, good, 5, "khugepaged", "guest", holder="unprivileged") == []
    assert choice.choose("khugepaged", case.movers) == "khugepaged"
    assert choice.choose(None, case.movers) != "khugepaged"
    for slug in ("fuse-writeback", "readahead-locked", "mlock-compaction-policy"):
        with pytest.raises(CannotRun, match="cannot reach"):
            choice.choose("khugepaged", CASES[slug].movers)
    for case in CASES.values():
        if "khugepaged" in case.movers:
            assert isinstance(case.experiment(Surroundings(1.0, set())), AnonymousPool)
