"""Runs as KTAP."""

from __future__ import annotations

from probes.sending import ktap


def test_every_outcome_has_its_line() -> None:
    runs = [
        {"case": "fuse-writeback", "mover": "offline", "outcome": "hangs", "reason": "0 of 16 # moved\nwhile held"},
        {"case": "mlock", "mover": "compaction", "outcome": "moves"},
        {"case": "secretmem", "mover": "offline", "outcome": "never_there"},
        {"case": "vmsplice-pipe", "mover": "compaction", "outcome": "inconclusive", "reason": "luck"},
    ]
    assert list(ktap.lines(runs)) == [
        "KTAP version 1",
        "1..4",
        "# offline: 0 of 16  moved while held",
        "not ok 1 fuse-writeback.offline # hangs",
        "# compaction: moves",
        "ok 2 mlock.compaction # moves",
        "# offline: never_there",
        "ok 3 secretmem.offline # never_there",
        "# compaction: luck",
        "ok 4 vmsplice-pipe.compaction # SKIP inconclusive",
    ]


def test_nothing_run_is_an_empty_plan() -> None:
    assert list(ktap.lines([])) == ["KTAP version 1", "1..0"]
