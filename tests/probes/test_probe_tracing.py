"""What compaction scanned, read from the kernel's tracepoints: lines as 6.1, 6.12 and 7.3 print them."""

from __future__ import annotations

import pytest

from probes.kernel import tracing
from probes.movers import choice
from probes.movers.background import DirectCompaction, Kcompactd
from probes.movers.usual import Mover

TEXT = """\
kcompactd0-41 63.120001: mm_compaction_isolate_migratepages: range=(0x12000 ~ 0x12200) nr_scanned=512 nr_taken=32
kcompactd0-41 63.120502: mm_migrate_pages_start: mode=MIGRATE_SYNC_LIGHT reason=compaction
kcompactd0-41 63.121001: mm_migrate_pages: nr_succeeded=16 nr_failed=16 nr_split=0 mode=MIGRATE_SYNC_LIGHT reason=compaction
kcompactd0-41 63.121502: mm_compaction_isolate_migratepages: range=(0x12200 ~ 0x12210) nr_scanned=16 nr_taken=0
"""


def test_a_frame_was_scanned_where_a_range_has_it_and_its_end_is_none_of_it() -> None:
    assert tracing.scanned(TEXT) == [(0x12000, 0x12200), (0x12200, 0x12210)]
    assert tracing.nr_scanned(TEXT, [0x12000, 0x121FF, 0x1220F]) == 3
    assert tracing.nr_scanned(TEXT, [0x11FFF, 0x12210]) == 0
    assert tracing.nr_scanned("", [0x12000]) == 0


def test_modes_are_in_the_words_of_the_kernel() -> None:
    assert tracing.modes(TEXT) == {"MIGRATE_SYNC_LIGHT compaction": 2}
    assert tracing.modes("mm_migrate_pages: nr_succeeded=1 mode=MIGRATE_") == {}


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
def test_both_are_for_guests_alone(kind: type[Mover]) -> None:
    assert kind.name in choice.GUESTS_ONLY and kind.name in choice.reaching(["compaction"])
    assert kind.name not in choice.reaching(["move_pages"])
