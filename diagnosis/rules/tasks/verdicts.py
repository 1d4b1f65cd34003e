"""The verdict that a rule makes of a call trace, and the sentence that says who sleeps for what."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from diagnosis.rules.trace import Trace
from diagnosis.rules.verdict import Reason, Source, Verdict
from diagnosis.text.record import Frame, Place

WHILE = {
    "offline": "while it offlines memory",
    "cma": "while it clears a range for a contiguous allocation",
    "compaction": "in compaction",
    "kcompactd": "in background compaction",
    "move_pages": "while it moves pages to another node",
    "soft_offline": "while it soft-offlines a page",
    "longterm_pin": "while it moves folios out of a movable area before it pins them",
    "virtio_mem": "while it gives memory back to the hypervisor",
    "contiguous": "while it clears a range for a contiguous allocation",
}
Made = Optional[Verdict]


def made(
    trace: Trace,
    rule: str,
    mechanism: str,
    sentence: str,
    reasons: List[Reason],
    source: Source,
    unknown: Tuple[str, ...] = (),
    manner: str = "sleeps_in_d",
    proved: bool = True,
) -> Verdict:
    if not trace.is_sure:
        unknown += ("Whether these functions called one another: the kernel marks every one of them as a guess.",)
    if manner == "sleeps_in_d" and not trace.is_blocked:
        unknown += (
            "Whether the task slept: nothing here tells its state, and one that runs may show the same functions.",
        )
        manner, proved = "", False
    return Verdict(
        rule,
        mechanism,
        proved and trace.is_sure,
        sentence,
        tuple(reasons + trace.state()),
        (source,),
        manner,
        trace.mover,
        "",
        unknown,
    )


def sleeps(trace: Trace, what: str) -> str:
    """`kcompactd0 (pid 44) sleeps …`, or `may sleep` where nothing tells that it did."""
    how = "sleeps" if trace.is_blocked else "may sleep"
    return "%s %s %s%s." % (trace.who, how, what, " " + WHILE[trace.deed] if trace.deed in WHILE else "")


def places_of(pair: Sequence[Frame]) -> Tuple[Place, ...]:
    return tuple(frame.place for frame in pair)
