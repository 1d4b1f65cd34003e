"""What the rest of a text says about one record: who moves, which kernel, which servers are silent, who else sleeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

from diagnosis.record import Place, Record
from diagnosis.task_rules import Trace

Places = Tuple[Place, ...]
MAX_BACK = 60
_ARCHITECTURES = (
    ("amd64", "x86_64"),
    ("x86_64", "x86_64"),
    ("aarch64", "aarch64"),
    ("arm64", "aarch64"),
    ("ppc64le", "ppc64le"),
    ("s390x", "s390x"),
)


@dataclass(frozen=True)
class Context:
    """`marks`: `task:FUNCTION` and `said:…` from everywhere in the text, with their places."""

    marks: Mapping[str, Places]
    release: str


def the(records: Sequence[Record]) -> Context:
    made: Dict[str, List[Place]] = {}
    for record in records:
        if record.kind == "task":
            for frame in record.frames:
                made.setdefault("task:" + frame.function, []).append(frame.place)
        said = record.get("said")
        if said is not None and record.kind in SAYING:
            made.setdefault("said:" + SAYING[record.kind](record), []).append(said.place)
    return Context({name: tuple(places[:4]) for name, places in made.items()}, kernel(records)[0])


SAYING: Mapping[str, Callable[[Record], str]] = {
    "memory_failure": lambda record: "memory-failure",
    "server_gone": lambda record: "server-gone:" + record.text("filesystem"),
}


def kernel(records: Sequence[Record]) -> Tuple[str, str]:
    """(release, architecture) as the text tells them, '' where it does not."""
    for record in records:
        if record.kind == "kernel":
            release = record.text("release")
            machine = record.text("architecture") or next(
                (name for part, name in _ARCHITECTURES if part in release), ""
            )
            return release, machine
    return "", ""


def mover_of(record: Record, index: int, records: Sequence[Record]) -> str:
    """Who tried to move the page of this dump: the line before it tells, or the call trace before it."""
    if record.get("failed_pfn") or record.text("reason") in ("isolation failed", "failed to remove from LRU"):
        return "offline"
    for other in reversed(records[max(index - MAX_BACK, 0) : index]):
        if other.kind == "task" and Trace(other).mover:
            return Trace(other).mover
        if other.kind in ("cma_failed", "cma_busy", "contig_busy"):
            return "cma"
    return "offline" if record.text("reason") == "unmovable page" else ""


def is_between(release: str, least: Tuple[int, int], below: Tuple[int, int]) -> bool:
    """Is this mainline version from `least` on, and before `below`? False where the release is not known."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return bool(found) and least <= (int(found[1]), int(found[2])) < below  # type: ignore[index]
