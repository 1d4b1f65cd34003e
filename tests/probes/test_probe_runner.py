"""The order of a run and what it counts, with pages and movers that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from probes.children.processes import Blocked
from probes.errors import Disturbed
from probes.kernel import pages, zones
from probes.movers import guest
from probes.movers.attempts import Attempt
from probes.movers.compacting.background import FragmentedCompaction
from probes.movers.usual import Mover
from probes.run import runner
from probes.run.experiment import NR_PAGES, Experiment, Surroundings

CONTROL = list(range(100, 100 + NR_PAGES))
TARGET = list(range(200, 200 + NR_PAGES))
ASLEEP = Blocked("D", "folio_wait_bit", ["folio_wait_writeback+0x2a/0x90"])
AT_WORK = Blocked("R", "0", [])


class World:
    """Frames by address; a journal of what was done."""

    def __init__(self) -> None:
        self.frame = {address: address * 10 for address in CONTROL + TARGET}
        self.held: set[int] = set()
        self.journal: list[str] = []

    def frames_of(self, addresses: Sequence[int]) -> list[int | None]:
        return [self.frame[address] for address in addresses]

    def migrate(self, addresses: Sequence[int]) -> None:
        for address in addresses:
            if address not in self.held:
                self.frame[address] += 1


class MadeUp(Experiment):
    def __init__(self, world: World, holds: bool) -> None:
        super().__init__(Surroundings(1.0, set()))
        self.world, self.holds = world, holds

    def prepare(self, mover: Mover) -> None:
        self.world.journal.append("prepare")
        self.control, self.target = CONTROL, TARGET

    def hold(self, mover: Mover) -> dict[str, Any]:
        self.world.journal.append("hold")
        self.world.held = set(TARGET) if self.holds else set()
        return {"shown": True}

    def release(self) -> None:
        self.world.journal.append("release")
        self.world.held = set()


class NoChild:
    """Stands for the mover's process: the blocked one comes back when nothing is held any more."""

    def __init__(self, world: World) -> None:
        self.world, self.busy = world, False

    def wait(self, seconds: float, check: Any) -> float:
        self.world.migrate(TARGET)
        self.busy = False
        return 0.1


class MadeUpMover(Mover):
    name = "compaction"
    most_tries = 3

    def __init__(
        self, world: World, works_on_try: int = 1, blocked: Blocked | None = None, brings_back: bool = False
    ) -> None:
        super().__init__(NoChild(world))  # type: ignore[arg-type]
        self.world, self.works_on_try, self.blocked = world, works_on_try, blocked
        self.brings_back = brings_back
        self.nr_attempts = 0

    def fits(self, frames: Sequence[int]) -> bool:
        return True

    def attempt(self, addresses: Sequence[int], seconds: float, check: Any) -> Attempt:
        self.world.journal.append("attempt")
        self.nr_attempts += 1
        if self.nr_attempts >= self.works_on_try:
            self.world.migrate(addresses)
        if self.blocked and self.world.held:
            self.child.busy = True
            return Attempt(None, self.blocked, {})
        return Attempt(0.01, None, {})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(pages, "frames_of", made.frames_of)
    monkeypatch.setattr(zones, "read", lambda: [zones.Zone(0, "Normal", 0, 10_000)])
    return made


def measure(world: World, mover: Mover, holds: bool = True) -> dict[str, Any]:
    return runner.record(runner._Run(MadeUp(world, holds), mover, 1.0, lambda text: None).measure())


def test_a_run_whose_trace_lost_events_does_not_count_and_says_so(world: World) -> None:
    """What is not in it may have been there: that nothing of the target was marked, or scanned, is not known."""

    class Lossy:
        nr_lost = 3

    run = runner._Run(MadeUp(world, True), MadeUpMover(world), 1.0, lambda text: None, Lossy())  # type: ignore[arg-type]
    made = runner.record(run.measure())
    assert made["outcome"] == "inconclusive" and made["facts"]["nr_trace_events_lost"] == 3


def test_held_by_a_reference(world: World) -> None:
    made = measure(world, MadeUpMover(world))
    assert made["outcome"] == "refuses"
    assert world.journal == ["prepare", "hold", "attempt", "release", "attempt"]
    assert made["target"] == {
        "nr_pages": 16,
        "nr_moved_by_hold": 0,
        "nr_moved_while_held": 0,
        "nr_moved_after_release": 16,
    }
    assert made["tries"] == {"while_held": 1, "after_release": 1}
    assert made["freed_seconds"] >= 0
    assert made["facts"]["zone"] == "Normal"


def test_held_with_a_mover_that_sleeps(world: World) -> None:
    made = measure(world, MadeUpMover(world, blocked=ASLEEP))
    assert made["outcome"] == "hangs"
    assert made["blocked"]["stack"] == ASLEEP.stack
    assert made["attempt"] == {"returned": False}
    assert made["tries"] == {"while_held": 1, "after_release": 0}


def test_a_mover_still_at_work_has_not_slept(world: World) -> None:
    with pytest.raises(Disturbed, match="still at work"):
        measure(world, MadeUpMover(world, blocked=AT_WORK))


def test_a_later_try_that_the_end_cuts_takes_nothing_from_the_one_before(world: World) -> None:
    class CutAtTheSecond(MadeUpMover):
        def attempt(self, addresses: Sequence[int], seconds: float, check: Any) -> Attempt:
            self.blocked = AT_WORK if self.nr_attempts else None
            made = super().attempt(addresses, seconds, check)
            world.frame[CONTROL[0]] = CONTROL[0] * 10  # one of the control stays, so it is tried again
            return made

    made = measure(world, CutAtTheSecond(world))
    assert made["outcome"] == "refuses" and made["control"]["nr_moved"] == NR_PAGES - 1
    assert made["tries"]["while_held"] == 1 and made["attempt"]["returned"] and "blocked" not in made


def test_who_sleeps_in_reclaim_does_not_sleep_for_what_is_held(world: World) -> None:
    class Allocates(MadeUpMover):
        sleeps = FragmentedCompaction.sleeps

    reclaim = Blocked("D", "reclaim_throttle", ["reclaim_throttle+0x1/0x2", "compact_zone+0x1/0x2"])
    with pytest.raises(Disturbed, match="still at work when the hold ended: state D in reclaim_throttle"):
        measure(world, Allocates(world, blocked=reclaim))
    waits = Blocked("D", "folio_wait_bit_common", ["folio_wait_bit_common+0x1/0x2", "migrate_pages_batch+0x1/0x2"])
    assert measure(world, Allocates(world, blocked=waits))["outcome"] == "hangs"


def test_the_control_is_protected_once_all_is_staged_and_before_anything_is_held(world: World) -> None:
    class Protects(MadeUpMover):
        def fits(self, frames: Sequence[int]) -> bool:
            return self.world.journal.count("prepare") == 2

        def protect(self, control: Sequence[int]) -> None:
            assert list(control) == CONTROL
            self.world.journal.append("protect")

    measure(world, Protects(world))
    assert world.journal[:4] == ["prepare", "prepare", "protect", "hold"]


@pytest.mark.parametrize(
    "landed, kept_out, said", [(False, True, "never_there"), (False, False, "refuses"), (True, True, "refuses")]
)
def test_what_is_not_allocated_where_the_mover_works_was_never_there(
    world: World, landed: bool, kept_out: bool, said: str
) -> None:
    """Where it landed badly by chance, nothing is said of where it is allocated."""

    class Works(MadeUpMover):
        def fits(self, frames: Sequence[int]) -> bool:
            return landed

        def is_kept_out(self, frames: Sequence[int]) -> bool:
            assert frames == [address * 10 for address in TARGET]
            return kept_out

    made = measure(world, Works(world))
    assert made["outcome"] == said
    assert ("kept_out_of_the_area" in made["facts"]) is (said == "never_there")
    assert made["target"].get("in_movable_area") is (False if said == "never_there" else None)


@pytest.mark.parametrize(
    "held, anonymous, kept_out",
    [
        ([5, 6], [100, 101], True),
        ([5, 100], [100, 101], False),
        ([5, 6], [100, 7], False),
        ([5, 6], [100, None], False),
    ],
)
def test_anonymous_memory_tells_whether_memory_of_a_kind_is_kept_out(
    held: list[int], anonymous: list[int | None], kept_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mover = guest.Offline.__new__(guest.Offline)
    mover.zone, mover.blocks = zones.Zone(1, "Movable", 100, 200), set()
    for name in ("map_pages", "fill", "unmap_pages"):
        monkeypatch.setattr(guest.syscalls, name, lambda *given: 0)
    monkeypatch.setattr(pages, "frames_from", lambda address, nr_pages: anonymous)
    monkeypatch.setattr(guest, "movable_blocks", lambda: [3, 4])
    assert mover.is_kept_out(held) is kept_out
    assert mover.blocks == ({3, 4} if kept_out else set())


def test_not_held(world: World) -> None:
    made = measure(world, MadeUpMover(world), holds=False)
    assert made["outcome"] == "moves"


def test_a_control_that_stays_is_tried_again(world: World) -> None:
    made = measure(world, MadeUpMover(world, works_on_try=3))
    assert made["outcome"] == "refuses"
    assert made["tries"]["while_held"] == 3


def test_no_control_no_verdict(world: World) -> None:
    made = measure(world, MadeUpMover(world, works_on_try=99))
    assert made["outcome"] == "inconclusive"
    assert made["control"] == {"nr_pages": 16, "nr_moved": 0}
    assert made["tries"] == {"while_held": 3, "after_release": 3}
    assert "freed_seconds" not in made


def test_where_a_page_can_come_back_there_is_a_baseline(world: World) -> None:
    made = measure(world, MadeUpMover(world, brings_back=True))
    assert world.journal[:3] == ["prepare", "attempt", "hold"]
    assert made["facts"]["nr_moved_at_baseline"] == 32
    assert made["outcome"] == "refuses"
