"""What compaction scanned, read from the kernel's tracepoints: lines as 6.1, 6.12 and 7.3 print them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probes.children.processes import look_at
from probes.kernel.tracing import compaction, migration
from probes.kernel.tracing.trace import Trace
from probes.movers import choice
from probes.movers.compacting.background import DirectCompaction, Kcompactd
from probes.movers.own_memory import LongtermPin, Mbind, OwnThread
from probes.movers.usual import Mover

TEXT = """\
kcompactd0: mm_compaction_isolate_migratepages: range=(0x12000 ~ 0x12200) nr_scanned=512 nr_taken=32
kcompactd0: mm_migrate_pages_start: mode=MIGRATE_SYNC_LIGHT reason=compaction
kcompactd0: mm_migrate_pages: nr_succeeded=16 nr_failed=16 nr_split=0 mode=MIGRATE_SYNC_LIGHT reason=compaction
kcompactd0: mm_compaction_isolate_migratepages: range=(0x12200 ~ 0x12210) nr_scanned=16 nr_taken=0
"""


def test_a_frame_was_scanned_where_a_range_has_it_and_its_end_is_none_of_it() -> None:
    assert compaction.scanned(TEXT) == [(0x12000, 0x12200), (0x12200, 0x12210)]
    assert compaction.nr_scanned(TEXT, [0x12000, 0x121FF, 0x1220F]) == 3
    assert compaction.nr_scanned(TEXT, [0x11FFF, 0x12210]) == 0
    assert compaction.nr_scanned("", [0x12000]) == 0


def test_a_pageblock_that_is_marked_to_be_skipped_is_named_and_was_not_scanned() -> None:
    text = "mm_compaction_isolate_migratepages: range=(0x12000 ~ 0x12200) nr_scanned=%d nr_taken=%d"
    assert compaction.nr_scanned(text % (0, 0), [0x12000]) == 0
    assert (compaction.nr_scanned(text % (9, 0), [0x12000]), compaction.nr_beside_taken(text % (9, 0), [0x12000])) == (
        1,
        0,
    )
    assert compaction.nr_beside_taken(text % (512, 1), [0x12000, 0x12200]) == 1


def test_what_was_scanned_in_a_round_that_may_wait_is_told_from_the_rest() -> None:
    """As 7.3.4 prints the rounds of a task that faults for a huge page."""
    begin = "mm_compaction_begin: zone_start=0x1000 migrate_pfn=0x12000 free_pfn=0x5fe00 zone_end=0x60000, mode=%s\n"
    isolated = "mm_compaction_isolate_migratepages: range=(0x%x ~ 0x%x) nr_scanned=512 nr_taken=32\n"
    text = begin % "async" + isolated % (0x12000, 0x12200) + begin % "sync" + isolated % (0x12200, 0x12400)
    text += begin % "async" + isolated % (0x12400, 0x12600)
    assert compaction.scanned(compaction.beyond_async(text)) == [(0x12200, 0x12400)]
    assert compaction.beyond_async(isolated % (0, 1)) == ""


def test_modes_are_in_the_words_of_the_kernel() -> None:
    assert migration.modes(TEXT) == {"MIGRATE_SYNC_LIGHT compaction": 2}
    assert migration.modes("mm_migrate_pages: nr_succeeded=1 mode=MIGRATE_") == {}


def test_a_run_in_which_the_target_was_never_scanned_has_not_reached_it() -> None:
    mover = Kcompactd.__new__(Kcompactd)
    mover.frames, mover.scanned = [1, 2], []
    assert not mover.met_target()
    mover.scanned = [2, 1]
    assert not mover.met_target()
    mover.scanned = [1, 2]
    assert mover.met_target()
    assert Mover.met_target(mover), "of others it is not known, and not doubted"


@pytest.mark.parametrize("kind", [Kcompactd, DirectCompaction])
def test_both_are_for_guests_alone_and_go_by_frame(kind: type[Mover]) -> None:
    assert kind.name in choice.GUESTS_ONLY and kind.name in choice.reaching(["compaction"])
    assert kind.name not in choice.reaching(["move_pages"])


@pytest.mark.parametrize("kind", [Mbind, LongtermPin])
def test_who_moves_its_own_memory_goes_by_address(kind: type[Mover]) -> None:
    assert kind.name in choice.GUESTS_ONLY and kind.name in choice.reaching(["move_pages"])
    assert kind.name not in choice.reaching(["compaction"])


def buffer(path: Path, nr_kept: int, nr_written: int, lines: list[str]) -> None:
    head = "# tracer: nop\n#\n# entries-in-buffer/entries-written: %d/%d   #P:2\n#\n" % (nr_kept, nr_written)
    path.write_text(head + "\n".join(lines) + "\n")


def test_a_buffer_that_was_overwritten_hides_no_new_line_and_is_told(tmp_path: Path) -> None:
    """Lines that were seen are counted from the first, which is not the same one any more."""
    path = tmp_path / "trace"
    buffer(path, 4, 6, ["a", "b", "c", "d"])  # two are gone before
    trace = Trace.__new__(Trace)
    trace._fd, trace._seen, trace._overwritten, trace.nr_lost = os.open(path, os.O_RDONLY), 0, 0, 0
    trace.skip()
    buffer(path, 5, 7, ["a", "b", "c", "d", "e"])
    assert (trace.new(), trace.nr_lost) == ("e", 0)
    buffer(path, 4, 9, ["d", "e", "f", "g"])
    assert (trace.new(), trace.nr_lost) == ("e\nf\ng", 3)
    trace.skip()
    assert (trace.new(), trace.nr_lost) == ("", 0)
    trace.close()


class Nothing:
    """The process that other movers have: only who looks at it is used."""

    class child:
        pid = os.getpid()

    look = staticmethod(look_at)
    watched = child.pid


def test_a_thread_of_ones_own_comes_back_or_is_seen_where_it_sleeps() -> None:
    own, reading = OwnThread(Nothing), os.pipe()  # type: ignore[arg-type]
    assert own.do(lambda: None, 5.0, lambda: None).returned and not own.busy
    made = own.do(lambda: os.read(reading[0], 1) and None, 0.2, lambda: None)
    assert not made.returned and own.busy
    assert made.blocked is not None and made.blocked.state == "S"
    os.write(reading[1], b"x")
    assert own.wait(5.0, lambda: None) is not None and not own.busy
    os.close(reading[0])
    os.close(reading[1])
