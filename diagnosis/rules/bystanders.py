"""Tasks that wait for a folio and move none: who reads a page that nobody fills, who waits for data to be written.

They prove that a folio is locked or under writeback, and for how long; not that any mover wants it.
"""

from __future__ import annotations

import re
from typing import FrozenSet, Mapping, Optional, Sequence, Tuple

from diagnosis.rules.task_state import first_caller
from diagnosis.rules.tasks.functions import LOCK, SOME_FOLIO, WAIT, WRITEBACK
from diagnosis.rules.tasks.verdicts import Made, made, sleeps
from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Reason, Source
from diagnosis.text.record import Value

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


# File systems whose data goes to somebody who may not answer, by how their functions begin.
_SERVED = (
    *((("fuse_", "__fuse_", "virtio_fs_"), "FUSE"), (("nfs_", "nfs3_", "nfs4_", "_nfs4_", "rpc_", "__rpc_"), "NFS")),
    *(
        (("cifs_", "smb2_", "smb3_"), "SMB"),
        (("ceph_", "__ceph_"), "Ceph"),
        (("p9_", "v9fs_"), "9p"),
        (("afs_",), "AFS"),
    ),
)
# Where they wait for the server itself, their own functions or the request's (fs/fuse/dev.c, net/sunrpc, fs/netfs).
_ANSWERS = frozenset(
    {
        *("request_wait_answer", "fuse_wait_on_page_writeback", "fuse_wait_on_folio_writeback", "fuse_set_nowrite"),
        *("rpc_wait_bit_killable", "nfs_wait_bit_killable", "nfs_wait_on_request", "nfs_iocounter_wait"),
        *(
            "wait_for_response",
            "p9_client_rpc",
            "ceph_mdsc_wait_request",
            "netfs_wait_for_request",
            "netfs_wait_for_read",
        ),
    }
)
# Innermost, where the compiler has put the wait itself into them.
_SENDING = frozenset({"__fuse_request_send", "fuse_request_send", "fuse_simple_request", "__fuse_simple_request"})
_DIRTY = frozenset({"balance_dirty_pages", "balance_dirty_pages_ratelimited", "balance_dirty_pages_ratelimited_flags"})
_FLUSHES = re.compile(r"flush-(\d{1,5}):(\d{1,8})")


def waits_for_a_server(trace: Trace, connections: Mapping[int, str]) -> Made:
    """A flush worker, a writer, a reader that waits for whoever serves a file system: named as that, and whose."""
    if not trace.is_blocked:
        return None
    own = next(
        ((frame, name) for frame in trace.frames for starts, name in _SERVED if frame.function.startswith(starts)), None
    )
    is_plain = any(trace.above(inner, outer) for _, inner, outer, _, _ in _WAYS)
    inner = first_caller(trace.frames)
    waits = trace.first(_ANSWERS) or (inner if inner is not None and inner.function in _SENDING else None)
    until = "the server of a file system of %s answers"
    unknown = "Whether any mover wants the folios that it waits with."
    if waits is None:
        waits = trace.first(WRITEBACK | WAIT | LOCK) if own and not is_plain else None
        until = "a folio of a file system of %s is " + ("written" if trace.first(WRITEBACK) else "unlocked or written")
        unknown = "Whether its server is what keeps that folio, or another task here. " + unknown
    if waits is None:
        return None
    name = own[1] if own else "FUSE"
    work = trace.record.get("workqueue")
    reasons = [
        Reason("%s, in a trace of %s." % (waits.function, name), (waits.place, *((own[0].place,) if own else ())))
    ]
    reasons += [Reason("What it flushes.", (work.place,))] if work and _FLUSHES.search(work.text) else []
    how = "writes data back, and sleeps" if work and "writeback" in work.text else "sleeps"
    return made(
        trace,
        PREFIX + "server",
        "",
        "%s %s until %s%s. It moves nothing." % (trace.who, how, until % name, _whose(work, name, connections)),
        reasons,
        Source("5.10 to 7.3", "fs/fuse/dev.c" if name == "FUSE" else "mm/page-writeback.c", waits.function),
        (unknown,),
        manner="",
        proved=False,
    )


def _whose(work: Optional[Value], name: str, connections: Mapping[int, str]) -> str:
    """The server, where the text tells: a flush worker bears its device's number, which is a FUSE connection's."""
    if work and (flushed := _FLUSHES.search(work.text)):
        number = (int(flushed[1]) << 20) | int(flushed[2])
        return " (%s: %s)" % (flushed[0], connections[number]) if number in connections else " (%s)" % flushed[0]
    if name == "FUSE" and len(connections) == 1:
        return " (the one of this text: %s)" % next(iter(connections.values()))
    return ""


def waits_to_write(trace: Trace) -> Made:
    frame = trace.first(_DIRTY)
    if frame is None or trace.deed or not trace.may_sleep:
        return None
    return made(
        trace,
        PREFIX + "dirty",
        "",
        sleeps(trace, "until less data is dirty: it writes faster than whoever takes the data"),
        [Reason("Where it is held back.", (frame.place,))],
        Source("5.10 to 7.3", "mm/page-writeback.c", "balance_dirty_pages"),
        ("Whose data is dirty: the functions below name the file system that this task writes to.",),
        manner="",
        proved=False,
    )


def waits_for_a_folio(trace: Trace) -> Made:
    if not trace.may_sleep:
        return None
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


def waits_for_some_folio(trace: Trace) -> Made:
    """Who writes, truncates or flushes, and meets a folio that is locked or under writeback."""
    inner = first_caller(trace.frames)
    if inner is None or inner.function not in SOME_FOLIO or trace.deed or not trace.is_blocked:
        return None
    what = "for a folio: for its lock, or the end of its writeback"
    for named, until in ((WRITEBACK, "until a folio's writeback ends"), (LOCK, "until a folio is unlocked")):
        what = until if trace.first(named) else what
    return made(
        trace,
        PREFIX + "folio",
        "",
        sleeps(trace, what) + " It moves nothing.",
        [Reason("The innermost function that is not the scheduler's.", (inner.place,))],
        Source("5.10 to 7.3", "mm/filemap.c", "folio_wait_bit_common"),
        ("Of which file: the functions below the wait name its file system.",),
        manner="",
        proved=False,
    )
