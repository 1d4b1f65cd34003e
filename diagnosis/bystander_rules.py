"""Tasks that wait for a folio and move none: who reads a page that nobody fills, who waits for data to be written.

They prove that a folio is locked or under writeback, and for how long; not that any mover wants it.
"""

from __future__ import annotations

from typing import FrozenSet, Sequence, Tuple

from diagnosis.task_rules import LOCK, WAIT, WRITEBACK, Made, made, sleeps
from diagnosis.trace import Trace
from diagnosis.verdict import Reason, Source

# Findings of these rules are one for all tasks, whatever their traces: a dead server stops hundreds.
PREFIX = "bystander-"
_READING = frozenset(
    {
        *("filemap_update_page", "filemap_get_pages", "filemap_read", "generic_file_buffered_read", "filemap_fault"),
        *("do_read_cache_folio", "do_read_cache_page"),
    }
)
_WRITTEN = frozenset({"__filemap_fdatawait_range", "filemap_fdatawait_range", "filemap_fdatawait_keep_errors"})
_WAYS: Sequence[Tuple[str, FrozenSet[str], FrozenSet[str], str, str]] = (
    (
        "reads",
        WAIT | LOCK,
        _READING,
        "until a page that it reads has been filled; that folio is locked, and a mover that met it might wait too",
        "filemap_update_page",
    ),
    (
        "written",
        WRITEBACK | WAIT,
        _WRITTEN,
        "until data of a file has been written; that folio is under writeback, and a mover that met it might wait too",
        "__filemap_fdatawait_range",
    ),
)


def waits_for_a_folio(trace: Trace) -> Made:
    for name, waits, callers, what, function in _WAYS:
        pair = trace.above(waits, callers)
        if pair is not None and not trace.mover:
            why = "%s, called from %s." % (pair[0].function, pair[1].function)
            return made(
                trace,
                PREFIX + name,
                "",
                sleeps(trace, what),
                [Reason(why, tuple(one.place for one in pair))],
                Source("5.10 to 7.3", "mm/filemap.c", function),
                ("On which file: the functions below these name its file system.",),
                manner="",
                proved=False,
            )
    return None
