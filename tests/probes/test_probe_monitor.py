"""Watching: what is told, what is not, and that it costs next to nothing."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import pytest

from diagnosis.formats import monitor as monitor_format
from probes.command.monitor import Gathered
from probes.inspect.monitor import Event, Monitor, watch
from probes.sending import post
from probes.sending.send import Sender
from probes.sending.spool import Spool
from tests.probes.conftest import Dashboard, Reply


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
    monitor = Monitor(machine, machine / "cma", str(machine / "nowhere"))
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
    assert look(Monitor(machine, machine / "cma", str(machine / "nowhere"))) == []


def test_looking_at_this_machine_takes_a_small_share_of_one_cpu() -> None:
    events: List[Event] = []
    share = watch(Monitor(), every_seconds=0.5, seconds=2.0, tell=events.append)
    assert share < 0.2, "twice a second, which is twenty times as often as by default"


DUMP = """\
migrating pfn 1100fd failed ret:16
page: refcount:3 mapcount:1 mapping:0000000000000000 index:0x7f8fb7e11 pfn:0x1100fd
memcg:ff2497fe0122ee40
anon flags: 0x5fffffc002091c(referenced|uptodate|dirty|active|owner_2|swapbacked|node=1|zone=3|lastcpupid=0x1fffff)
raw: 005fffffc002091c ffda580ac4403f08 ff723057c07a3a20 ff2497fe0269e0c1
page dumped because: migration failure
""".splitlines()


def test_a_dump_is_told_whole_and_what_follows_is_not(machine: Path) -> None:
    monitor = Monitor(machine, machine / "cma", str(machine / "nowhere"))
    said = ["page allocation of something else", *DUMP, "raw: 00 of nobody", "usb 1-1: new device"]
    assert [line for line in said if monitor._tells(line)] == DUMP


def seen(kind: str, what: str, at: float = 0.0, **more: Any) -> Event:
    return Event(at, kind, what, **more)


SLEEPER = seen("blocked", "tee[4711] in folio_wait_writeback+0x2", pid=4711, stack=("folio_wait_writeback+0x2",))


def test_what_belongs_together_is_one_report_and_a_counter_alone_is_none() -> None:
    kept: List[bytes] = []
    gathered = Gathered("guest", kept.append)
    gathered.add(seen("counter", "pgmigrate_fail", rise=7))
    gathered.report(now=True)
    assert kept == []
    for event in (seen("log", DUMP[0], 2e9), replace(SLEEPER, at=2e9), seen("counter", "pgmigrate_fail", 2e9, rise=7)):
        gathered.add(event)
    gathered.report()
    assert kept == [], "more may come"
    gathered.report(now=True)
    (sent,) = [monitor_format.read(body) for body in kept]
    assert [event["kind"] for event in sent["events"]] == ["log", "blocked", "counter"]
    assert sent["events"][1]["stack"] == ["folio_wait_writeback+0x2"]
    assert sent["environment"] == "guest"
    assert sent["cpu_seconds"] >= 0


def test_what_was_seen_is_sent_as_what_it_is(tmp_path: Path, dashboard: Dashboard, taken: Reply) -> None:
    kept: List[bytes] = []
    gathered = Gathered("host", kept.append)
    gathered.add(SLEEPER)
    gathered.report(now=True)
    dashboard.replies = [taken]
    spool, sender = Spool(tmp_path), Sender(dashboard.url, "secret")
    assert post.keep(spool, kept[0], print)
    assert post.send_waiting(spool, sender, print)
    ((_, headers, packed),) = dashboard.requests
    assert headers["content-type"] == monitor_format.MEDIA_TYPE
    assert gzip.decompress(packed) == kept[0]
    assert spool.waiting() == []


def test_the_command_shows_what_would_go_and_keeps_nothing(probe: Callable[..., Any], tmp_path: Path) -> None:
    done = probe("monitor", "--every", "0.2", "--for", "0.5", "--dry-run", "--spool", str(tmp_path / "spool"))
    assert done.returncode == 0
    assert "CPU seconds an hour" in done.stderr
    assert not (tmp_path / "spool").exists()


def test_a_log_that_cannot_be_read_ends_and_is_not_asked_for_ever(machine: Path) -> None:
    (machine / "folder").mkdir()
    monitor = Monitor(machine, machine / "cma", str(machine / "folder"))
    assert look(monitor) == [] and monitor.log == -1
