"""Watching: what is told, what is not, and that it costs next to nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from probes.monitor import Event, Monitor, watch


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "vmstat").write_text("pgmigrate_fail 10\ncompact_fail 1\nnr_free_pages 5\n")
    (tmp_path / "cma" / "reserved").mkdir(parents=True)
    (tmp_path / "cma" / "reserved" / "alloc_pages_fail").write_text("0\n")
    os.mkfifo(tmp_path / "kmsg")
    return tmp_path


def look(monitor: Monitor) -> List[str]:
    return ["%s %s %d" % (event.kind, event.what, event.rise) for event in monitor.look()]


def test_a_counter_that_rises_is_told_once(machine: Path) -> None:
    monitor = Monitor(machine, machine / "cma", str(machine / "kmsg"))
    assert look(monitor) == []
    (machine / "vmstat").write_text("pgmigrate_fail 17\ncompact_fail 1\nnr_free_pages 9\n")
    (machine / "cma" / "reserved" / "alloc_pages_fail").write_text("3\n")
    assert look(monitor) == ["counter pgmigrate_fail 7", "counter cma reserved alloc_pages_fail 3"]
    assert look(monitor) == []
    monitor.close()


def test_a_telling_line_of_the_log_is_told_and_others_are_not(machine: Path) -> None:
    monitor = Monitor(machine, machine / "cma", str(machine / "kmsg"))
    reader = os.open(machine / "kmsg", os.O_RDWR | os.O_NONBLOCK)
    monitor.log = os.open(machine / "kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.write(reader, b"4,1,2,-;migrating pfn 1100fd failed ret:16\n")
    assert look(monitor) == ["log [0.000002] migrating pfn 1100fd failed ret:16 1"]
    os.write(reader, b"6,2,3,-;usb 1-1: new device\n")
    assert look(monitor) == []
    monitor.close()
    os.close(reader)


def test_a_task_that_sleeps_in_migration_is_told_while_it_is_new(machine: Path) -> None:
    task = machine / "4711"
    task.mkdir()
    (task / "comm").write_text("tee\n")
    (task / "stat").write_text("4711 (a ) D) D 1 1\n")
    (task / "stack").write_text(
        "[<0>] folio_wait_bit+0x1\n[<0>] folio_wait_writeback+0x2\n[<0>] migrate_pages_batch+0x3\n"
    )
    monitor = Monitor(machine, machine / "cma", "/nowhere")
    told = "blocked tee[4711] in folio_wait_bit+0x1 <- folio_wait_writeback+0x2 <- migrate_pages_batch+0x3 1"
    assert look(monitor) == [told]
    assert look(monitor) == []
    (task / "stat").write_text("4711 (tee) S 1 1\n")
    assert look(monitor) == []


def test_another_sleeper_is_not_told(machine: Path) -> None:
    task = machine / "4712"
    task.mkdir()
    (task / "stat").write_text("4712 (dd) D 1 1\n")
    (task / "stack").write_text("[<0>] io_schedule+0x1\n")
    assert look(Monitor(machine, machine / "cma", "/nowhere")) == []


def test_looking_at_this_machine_takes_a_small_share_of_one_cpu() -> None:
    events: List[Event] = []
    share = watch(Monitor(), every_seconds=0.5, seconds=2.0, tell=events.append)
    assert share < 0.2, "twice a second, which is twenty times as often as by default"
