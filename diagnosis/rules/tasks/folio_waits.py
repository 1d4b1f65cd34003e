"""From the call trace of a task that waits for a folio to its verdict: for its writeback, its lock, its buffers."""

from __future__ import annotations

from typing import Callable, Tuple

from diagnosis.kernels.releases import is_at_least
from diagnosis.rules.task_state import first_caller
from diagnosis.rules.tasks.functions import (
    BIT_LOCK,
    BUFFER_LOCK,
    BUFFERS,
    LOCK,
    LOCKERS,
    MIGRATING,
    OLD_WRITEBACK,
    PRIVATE,
    PRIVATE_2,
    WAIT,
    WRITEBACK,
    WRITEBACK_HAS_A_FRAME,
)
from diagnosis.rules.tasks.verdicts import Made, made, places_of, sleeps
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Reason, Source


def _private(trace: Trace) -> Made:
    pair = trace.above(PRIVATE, MIGRATING)
    if pair is None:
        return None
    return made(
        trace,
        "waits-for-private-data",
        "private_data",
        sleeps(
            trace,
            "until a folio has been written to a local cache"
            if trace.first(PRIVATE_2)
            else "until a file system has written the folio's private data",
        ),
        [Reason("%s, called from %s." % (pair[0].function, pair[1].function), places_of(pair))],
        Source("6.8, 6.14, 7.3", "fs/nfs/write.c", "nfs_migrate_folio"),
    )


def _writeback(trace: Trace) -> Made:
    pair = trace.above(WRITEBACK, MIGRATING) or trace.above(OLD_WRITEBACK, MIGRATING)
    if pair is None or trace.first(LOCK):
        return None
    return made(
        trace,
        "waits-for-writeback",
        "writeback",
        sleeps(trace, "until a folio's writeback ends"),
        [
            Reason(
                "%s, called from %s: the folio is under writeback, and this mover waits without a time limit."
                % (pair[0].function, pair[1].function),
                places_of(pair),
            )
        ],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        ("Whose writeback it is: FUSE, a network file system and a stalled block device give the same trace.",),
    )


def _buffer(trace: Trace) -> Made:
    """The lock of a buffer head: a block device's I/O holds it, and the folio itself is neither locked by that nor
    under writeback. /proc/PID/stack leaves out everything above the function that called for it."""
    pair = trace.under(BUFFER_LOCK | BIT_LOCK, BUFFERS)
    if pair is None:
        inner = first_caller(trace.frames)
        at = trace.frames.index(inner) if inner is not None else -1
        if inner is None or inner.function not in BUFFERS or at + 1 >= len(trace.frames):
            return None
        pair = (inner, trace.frames[at + 1])
    if not trace.first(MIGRATING):
        return None
    return made(
        trace,
        "waits-for-buffer-lock",
        "buffer_lock",
        sleeps(trace, "until a buffer head of a folio is unlocked"),
        [
            Reason(
                "%s, called from %s: a buffer's lock, not the folio's." % (pair[0].function, pair[1].function),
                places_of(pair),
            )
        ],
        Source("4.4 to 7.3", "mm/migrate.c", "buffer_migrate_lock_buffers"),
        ("Which block device's: metadata is written under the buffer's lock, and counts as no writeback.",),
    )


def _lock(trace: Trace) -> Made:
    named = trace.beside(LOCK | WAIT | BIT_LOCK, LOCKERS)
    if named is None or not trace.first(LOCK | WAIT):
        return None
    is_named = bool(trace.first(LOCK))
    if not is_named and (trace.first(WRITEBACK) or trace.first(PRIVATE)):
        return None
    pair = named
    how = "%s, called from %s" % (pair[0].function, pair[1].function)
    how += ": the folio's lock." if is_named else ", without folio_wait_writeback between them: the folio's lock."
    unknown: Tuple[str, ...] = ("Who holds the lock: a read that nobody answers, or another task that sleeps with it.",)
    is_told = is_named or pair[0].function.startswith("folio_") or is_at_least(trace.release, WRITEBACK_HAS_A_FRAME)
    if not is_named:
        unknown += ("Whether a line is missing from this trace: with folio_wait_writeback in it, it were writeback.",)
    if not is_told:
        unknown += (
            "Whether it is the lock: before 5.2 a wait for writeback may look the same. The version is not here.",
        )
    is_doubted = not is_named and trace.guessed_between(*pair, WRITEBACK | PRIVATE | OLD_WRITEBACK)
    if is_doubted:
        unknown += ("Whether it is the lock: the kernel guesses that another wait stands between the two.",)
    return made(
        trace,
        "waits-for-folio-lock",
        "page_lock",
        sleeps(trace, "until a folio is unlocked"),
        [Reason(how, places_of(pair))],
        Source("5.10 to 7.3", "mm/migrate.c", "migrate_folio_unmap"),
        unknown,
        proved=is_told and not is_doubted,
    )


RULES: Tuple[Callable[[Trace], Made], ...] = (_private, _buffer, _writeback, _lock)
