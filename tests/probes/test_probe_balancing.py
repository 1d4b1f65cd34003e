"""NUMA balancing as a mover: what its traces say of each page, and when a run says something."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagnosis.words import vocabulary
from probes.cases import CASES
from probes.errors import CannotRun, Disturbed
from probes.kernel import nodes, syscalls
from probes.kernel.tracing.hints import SKIPPED, BalancingTrace, Hints, hints, most_skipped, of_tasks, skipped_areas
from probes.lab import guest, plan
from probes.movers import attempts, balancing, choice
from probes.movers.attempts import Attempt
from probes.movers.balancing import NumaBalancing, Seen, are_shared, areas_of, passes

PAGE = 4096
# Two pages of the target (…03d000, …03e000) and one of the control, as 7.3.4 prints it: the first is tried
# and fails twice, the second is never marked, and the control moves. What another thread does in between is its own.
TEXT = """\
       unmig-run-133     [000] d....     8.000355: page_fault_user: address=0x7f9f7b03d010 ip=0x7f9f7c8500fe error_code=0x4
       unmig-run-126     [001] d....     8.000360: page_fault_user: address=0x7f9f7b03e000 ip=0x7f9f7c8500fe error_code=0x4
       unmig-run-133     [000] .....     8.000394: mm_migrate_pages: nr_succeeded=0 nr_failed=1 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=numa_misplaced
       unmig-run-133     [000] d....     8.000408: page_fault_user: address=0x7f9f7b050000 ip=0x7f9f7c8500fe error_code=0x4
       unmig-run-133     [000] .....     8.000412: mm_migrate_pages: nr_succeeded=1 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=numa_misplaced
       unmig-run-133     [000] d....     8.000420: page_fault_user: address=0x7f9f7b999000 ip=0x7f9f7c8500fe error_code=0x4
       unmig-run-133     [000] .....     8.000422: mm_migrate_pages: nr_succeeded=1 nr_failed=0 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 mode=MIGRATE_ASYNC reason=numa_misplaced
       unmig-run-133     [000] .....     8.100422: sched_skip_vma_numa: numa_scan_offset=0 vm_start=7F9F7B03C000 vm_end=7F9F7B03F000 reason=shared_ro
       unmig-run-133     [000] .....     8.100423: sched_skip_vma_numa: numa_scan_offset=0 vm_start=7F9F7B03C000 vm_end=7F9F7B03D000 reason=unsuitable
       unmig-run-133     [000] d....     8.200355: page_fault_user: address=0x7f9f7b03d010 ip=0x7f9f7c8500fe error_code=0x4
       unmig-run-133     [000] .....     8.200394: mm_migrate_pages: nr_succeeded=0 nr_failed=1 nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=numa_misplaced
"""  # noqa: E501
TARGET, CONTROL = [0x7F9F7B03D000, 0x7F9F7B03E000], [0x7F9F7B050000]


def seen(passes: int = 12) -> Seen:
    text = of_tasks(TEXT, {133})
    return Seen(passes, hints(text, TARGET + CONTROL, PAGE), skipped_areas(text, TARGET), nr_skipped=1)


def unmarked(passes: int, nr_skipped: int = 0, nr_lost: int = 0, control: int = 99) -> Seen:
    """Nothing of the target was marked, and the control in so many passes."""
    return Seen(passes, {CONTROL[0]: Hints(nr_faults=control)}, nr_skipped=nr_skipped, nr_lost=nr_lost)


# What the traces say


def test_a_fault_and_what_it_migrates_belong_together() -> None:
    at = seen().at
    assert (at[TARGET[0]].nr_faults, at[TARGET[0]].nr_failed, at[TARGET[0]].nr_moved) == (2, 2, 0)
    assert (at[CONTROL[0]].nr_faults, at[CONTROL[0]].nr_failed, at[CONTROL[0]].nr_moved) == (1, 0, 1)


def test_a_page_at_which_the_thread_had_no_fault_was_not_marked() -> None:
    """Another thread's fault there says nothing: it works on another node."""
    assert (seen().nr_marked(TARGET), seen().nr_tried(TARGET)) == (1, 1)
    everybody = hints(TEXT, TARGET, PAGE)
    assert everybody[TARGET[1]].nr_faults == 1 and everybody[TARGET[0]].nr_failed == 2


def test_what_is_migrated_in_a_fault_elsewhere_is_none_of_ours() -> None:
    assert sum(one.nr_moved for one in seen().at.values()) == 1


def test_a_mapping_that_was_passed_by_is_named_with_the_kernels_reason() -> None:
    assert seen().skipped == {"shared_ro": 1}, "the other ends where the target begins"


def test_passes_that_passed_a_mapping_by_are_counted_by_the_worst_mapping_and_of_all_threads() -> None:
    assert most_skipped(TEXT, TARGET) == 1, "the two lines are of two mappings"
    other = TEXT.replace("unmig-run-133", "unmig-run-126")
    assert most_skipped(TEXT + other, TARGET) == 2 and most_skipped("", TARGET) == 0
    assert most_skipped(TEXT, CONTROL) == 0


def test_nothing_traced_is_nothing_marked() -> None:
    assert hints("", TARGET, PAGE) == {address: Hints() for address in TARGET}


def test_events_that_a_trace_lost_are_no_lines_and_are_counted() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    trace = BalancingTrace.__new__(BalancingTrace)
    trace._fd = reading
    os.write(writing, b"CPU:0 [LOST 7 EVENTS]\n")
    trace.skip()
    assert trace.nr_lost == 0, "those were of no interest"
    os.write(writing, b"CPU:1 [LOST 12 EVENTS]\n" + TEXT.encode() + b"CPU:0 [LOST EVENTS]\n")
    assert trace.new() == TEXT.strip("\n") and trace.nr_lost == 13
    assert trace.new() == "" and trace.nr_lost == 0
    os.close(writing)
    trace.close()


# The mover


WAS = {"on": 1, "pace": {"scan_size_mb": 256}}


class Told:
    """Stands for a trace of a kernel that says which mappings were passed by."""

    events = [SKIPPED]


class Switch:
    """Stands for the root process: takes orders, and says what it could not set."""

    def __init__(self, not_set: list[str] | None = None) -> None:
        self.orders: list[dict[str, Any]] = []
        self.answer = {"not_set": not_set or [], "was": WAS}
        self.trace, self.busy = None, False

    def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
        self.orders.append(order)
        return Attempt(0.1, None, {})


def mover(held: Seen | None) -> NumaBalancing:
    made = NumaBalancing.__new__(NumaBalancing)
    made.control, made.target, made.held, made.needs_policy = CONTROL, TARGET, held, False
    made.switch, made.was = Switch(), WAS  # type: ignore[assignment]
    made.trace = Told()  # type: ignore[assignment]
    return made


def test_a_scanner_that_never_came_round_has_not_met_an_unmarked_page() -> None:
    assert not mover(None).met_target()
    assert not mover(unmarked(9)).met_target()
    assert mover(unmarked(10)).met_target()
    every = Seen(0, {address: Hints(nr_faults=1) for address in TARGET})
    assert mover(every).met_target(), "each was marked, however often the scanner came"


def test_a_pass_that_passed_the_mapping_by_has_not_met_it() -> None:
    """As on 6.12.117: 31 passes, of which 30 passed by the mapping of the locked buffer."""
    assert not mover(unmarked(31, nr_skipped=30)).met_target()
    assert mover(unmarked(35, nr_skipped=12)).met_target()


def test_passes_of_the_runs_first_thread_are_told_by_the_control_which_they_do_not_mark() -> None:
    assert not mover(unmarked(31, control=9)).met_target() and mover(unmarked(31, control=10)).met_target()
    assert not mover(unmarked(31, control=0)).met_target(), "a control that was not marked says nothing"
    assert unmarked(31, control=9).nr_at_target(CONTROL) == 9 and Seen(31).nr_at_target(CONTROL) == 0


def test_what_a_trace_with_a_gap_does_not_say_is_not_known() -> None:
    assert not mover(unmarked(31, nr_lost=1)).met_target()


def test_facts_tell_what_was_not_marked_from_what_was_tried() -> None:
    facts = mover(seen()).facts()
    assert (facts["nr_target_pages_marked"], facts["nr_target_pages_tried"]) == (1, 1)
    assert (facts["nr_control_pages_marked"], facts["nr_control_pages_tried"]) == (1, 1)
    assert (facts["mapping_of_target_skipped"], facts["nr_scanner_passes"]) == ("shared_ro 1", 12)
    assert facts["nr_scanner_passes_at_target"] == 1
    assert "needed_a_policy" not in facts and mover(None).facts() == {}


def test_a_mapping_that_is_not_scanned_without_a_policy_is_said_to_have_needed_one() -> None:
    one = mover(seen())
    one.needs_policy = True
    assert one.facts()["needed_a_policy"] is True


def test_a_policy_is_lacking_only_where_nothing_else_explains_an_unmarked_control(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, shared = mover(None), {"is": True}
    monkeypatch.setattr(balancing, "are_shared", lambda addresses: shared["is"])
    never = Seen(12, skipped={"unsuitable": 12})
    assert one._lacks_policy(never) is True
    assert one._lacks_policy(seen()) is False, "the control was marked"
    assert one._lacks_policy(Seen(9, skipped={"unsuitable": 9})) is None, "the scanner hardly came"
    assert one._lacks_policy(Seen(12, nr_lost=1, skipped={"unsuitable": 12})) is None
    assert one._lacks_policy(Seen(12, skipped={"unsuitable": 1, "pid_inactive": 11})) is None
    assert one._lacks_policy(Seen(12)) is None, "this kernel would have said so"
    one.trace.events = []
    assert one._lacks_policy(Seen(12)) is True, "6.1 says nothing"
    shared["is"] = False
    assert one._lacks_policy(Seen(12)) is None


def test_passes_of_an_attempt_before_are_not_those_of_one_that_did_not_come_to_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone:
        watched = 133

        def do(self, act: Callable[[], None], seconds: float, check: Callable[[], None]) -> Attempt:
            return Attempt(None, None, {})

    class Empty(Told):
        nr_lost = 0

        def skip(self) -> None: ...

        def new(self) -> str:
            return ""

    one = mover(None)
    one._passes, one.nodes, one.own, one.trace = 31, [0, 1], Gone(), Empty()  # type: ignore[assignment]
    monkeypatch.setattr(syscalls, "nodes_of", lambda addresses: [0])
    monkeypatch.setattr(syscalls, "touch", lambda address, nr_pages: None)
    assert one._balance(CONTROL, 1.0, lambda: None)[1].passes == 0


def test_balancing_is_put_back_as_it_was_whatever_became_of_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[Any] = []
    monkeypatch.setattr(syscalls, "bind_memory", policies.append)
    one = mover(None)
    one.close()
    assert one.switch.orders == [{"mover": "numa_balancing", **WAS}] and policies == [None]

    class Dead(Switch):
        def ask(self, order: dict[str, Any], seconds: float, check: Callable[[], None]) -> Attempt:
            raise Disturbed("the mover's process ended")

    one.switch = Dead()  # type: ignore[assignment]
    one.close()
    one.switch = Switch()  # type: ignore[assignment]
    one.switch.busy = True
    one.close()
    assert one.switch.orders == [] and policies == [None] * 3


def test_without_traces_and_without_balancing_it_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.movers.usual.memory_nodes", lambda: [0, 1])
    with pytest.raises(CannotRun, match="tracepoints"):
        NumaBalancing(Switch())  # type: ignore[arg-type]
    switch = Switch()
    switch.trace = object()  # type: ignore[assignment]
    monkeypatch.setattr(balancing, "BALANCING", str(tmp_path / "none"))
    with pytest.raises(CannotRun, match="CONFIG_NUMA_BALANCING"):
        NumaBalancing(switch)  # type: ignore[arg-type]
    monkeypatch.setattr(balancing, "BALANCING", str(tmp_path))
    monkeypatch.setattr(balancing, "cpu_of", lambda node: 0 if node == 0 else None)
    with pytest.raises(CannotRun, match="a CPU on each of two nodes"):
        NumaBalancing(switch)  # type: ignore[arg-type]


def test_what_cannot_be_set_is_said_by_its_name() -> None:
    one = mover(None)
    one._switch(True)
    one.switch = Switch(["/proc/sys/kernel/numa_balancing"])  # type: ignore[assignment]
    with pytest.raises(CannotRun, match="cannot be set: /proc/sys/kernel/numa_balancing"):
        one._switch(False)


def test_the_pace_is_set_before_balancing_is_switched_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scan_size_mb").write_text("256")
    (tmp_path / "numa_balancing").write_text("2")
    monkeypatch.setattr(attempts, "_BALANCING_PACE", str(tmp_path) + "/%s")
    monkeypatch.setattr(attempts, "BALANCING", str(tmp_path / "numa_balancing"))
    order = {"on": True, "pace": {"scan_size_mb": 16, "gone": 1}}
    was = {"on": 2, "pace": {"scan_size_mb": 256}}
    assert attempts._numa_balancing(order) == {"was": was, "not_set": [str(tmp_path / "gone")]}
    # These are plain files, of which what is longer stays.
    assert (tmp_path / "scan_size_mb").read_text() == "166" and (tmp_path / "numa_balancing").read_text() == "1"


def test_the_mappings_of_some_pages_are_found_in_this_process() -> None:
    address = syscalls.map_pages(4)
    try:
        ((start, end),) = areas_of([address, address + 3 * PAGE])
        assert start <= address and address + 4 * PAGE <= end
        assert not are_shared([address])
        with tempfile.TemporaryFile() as file:
            file.truncate(PAGE)
            shared = syscalls.map_pages(1, fd=file.fileno())
            assert are_shared([shared]) and not are_shared([shared, address])
            syscalls.unmap_pages(shared, 1)
    finally:
        syscalls.unmap_pages(address, 4)


def test_a_kernel_that_does_not_tell_how_far_it_has_scanned_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancing, "_PASSES", balancing.re.compile("no such line"))
    with pytest.raises(CannotRun, match="does not tell"):
        passes()


def test_the_first_cpu_of_a_node() -> None:
    assert nodes.cpu_of(0) in os.sched_getaffinity(0) | {0, None}
    assert nodes.cpu_of(4095) is None


# What is booted


def test_it_goes_by_address_with_a_plain_holder_in_guests_alone() -> None:
    name = NumaBalancing.name
    assert name in vocabulary.MOVERS and name in choice.GUESTS_ONLY
    assert name in choice.reaching(["move_pages"]) and name not in choice.reaching(["compaction"])


def test_its_guest_has_a_processor_on_each_node_and_time_for_the_scanner() -> None:
    (job,) = plan.jobs([CASES["vmsplice-pipe"]], ["numa_balancing"], 1, holder="unprivileged")
    assert job.shape.needs == "NUMA_BALANCING" and job.hold_seconds(5) == 20
    words = guest.command(job.shape, "bzImage", "initramfs", "console", "results", "tcg")
    assert {"node,nodeid=0,cpus=0,memdev=m0", "node,nodeid=1,cpus=1,memdev=m1"} <= set(words)
