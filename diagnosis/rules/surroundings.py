"""The context of a record, from the rest of its text: who moves, which kernel, which servers are silent, who else
sleeps.

To add something that a text may say, add a line to SAYING: record to (mark without `said:`, its own sentence).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from diagnosis.kernels.releases import is_at_least, is_before
from diagnosis.rules import task_state
from diagnosis.rules.trace import Trace
from diagnosis.text.boots import Boots
from diagnosis.text.record import Place, Record

Places = Tuple[Place, ...]
Said = Iterator[Tuple[str, str]]
Connections = Mapping[Optional[int], Record]
MAX_BACK = 60
MAX_SAYINGS = 4
# Versions at which something that signatures speak of changed: `since:6.5`, or `before:6.5`, where the text tells.
VERSIONS = ((5, 13), (6, 5), (6, 15), (6, 16), (6, 19))
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs"})
_ARCHITECTURES = (
    *(("amd64", "x86_64"), ("x86_64", "x86_64"), ("aarch64", "aarch64"), ("arm64", "aarch64"), ("ppc64le", "ppc64le")),
    *(
        ("powerpc64le", "ppc64le"),
        ("ppc64", "ppc64"),
        ("s390x", "s390x"),
        ("riscv64", "riscv64"),
        ("loongarch64", "loongarch64"),
    ),
)


@dataclass(frozen=True)
class Context:
    """`marks`: `task:FUNCTION` and `said:…` from everywhere in the text, with their places. `sayings`: what some of
    them say in particular, in sentences: which connection, whose daemon."""

    marks: Mapping[str, Places]
    sayings: Mapping[str, Tuple[str, ...]]
    release: str
    architecture: str = ""
    connections: Mapping[int, str] = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        return any(name in self.marks for name in names)


def context_of_text(records: Sequence[Record], release: str = "") -> Context:
    """The context of the whole text. If it spans several kernels and the sender names none, each record needs
    `context_for_kernel`."""
    places: Dict[str, List[Place]] = {}
    sayings: Dict[str, List[str]] = {}
    connections = {record.number("connection"): record for record in records if record.kind == "fuse_connection"}
    for record in records:
        if record.kind == "task":
            _task(record, places)
        for name, sentence in _said(record, connections):
            places.setdefault("said:" + name, []).extend(value.place for value in record.values[:3])
            if sentence:
                sayings.setdefault("said:" + name, []).append(sentence)
    for name, sentence, where in _together(records):
        places["said:" + name] = where
        if sentence:
            sayings.setdefault("said:" + name, []).append(sentence)
    _, architecture = kernel(records)
    context = Context(
        {name: tuple(found[:4]) for name, found in places.items()},
        {name: tuple(dict.fromkeys(found))[:MAX_SAYINGS] for name, found in sayings.items()},
        "",
        architecture,
        {number: _connection(one) for number, one in connections.items() if number is not None},
    )
    boots = Boots(records)
    return context_for_kernel(context, release or ("" if boots.are_several else "".join(boots.releases)))


def _task(record: Record, places: Dict[str, List[Place]]) -> None:
    """Who has what in his call trace; and who sleeps there, as far as anything tells that."""
    is_asleep = task_state.context(record) == task_state.BLOCKED
    for frame in record.frames:
        if not frame.unsure:
            places.setdefault("task:" + frame.function, []).append(frame.place)
            if is_asleep:
                places.setdefault("asleep:" + frame.function, []).append(frame.place)


def context_for_kernel(context: Context, release: str) -> Context:
    """The same context with its `since:` and `before:` marks computed for another kernel release."""
    if release == context.release:
        return context
    marks = {name: places for name, places in context.marks.items() if not name.startswith(("since:", "before:"))}
    for version in VERSIONS:
        for word, holds in (("since", is_at_least), ("before", is_before)):
            if holds(release, version):
                marks["%s:%d.%d" % (word, *version)] = ()
    return replace(context, marks=marks, release=release)


def kernel(records: Sequence[Record]) -> Tuple[str, str]:
    """(release, architecture) as the text tells them, '' where it does not."""
    for record in records:
        if record.kind == "kernel" and record.text("release"):
            release = record.text("release")
            said = "%s %s" % (release, record.text("built"))
            return release, record.text("machine") or next((name for part, name in _ARCHITECTURES if part in said), "")
    return "", ""


def mover_of(record: Record, index: int, records: Sequence[Record]) -> str:
    """Who tried to move the page of this dump: the line before it tells, or the call trace before it."""
    if record.get("failed_pfn") or record.text("reason") in ("isolation failed", "failed to remove from LRU"):
        return "offline"
    for other in reversed(records[max(index - MAX_BACK, 0) : index]):
        if other.kind == "task" and Trace(other).mover:
            return Trace(other).mover
        if other.kind in ("cma_failed", "cma_busy"):
            return "cma"
    return "offline" if record.text("reason") == "unmovable page" else ""


def _together(records: Sequence[Record]) -> Iterator[Tuple[str, str, List[Place]]]:
    """Marks that take several records to establish."""
    yield from _too_small(records)
    yield from _not_mounted(records)
    mapped: Dict[str, List[Record]] = {}
    for record in records:
        if record.kind == "mapped_suspect" and "WRITEBACK" in record.text("flags"):
            mapped.setdefault(record.text("block"), []).append(record)
    for record in records:
        if record.kind == "suspects":
            yield from _one_owner(record, mapped.get(record.text("block"), []))


def _too_small(records: Sequence[Record]) -> Iterator[Tuple[str, str, List[Place]]]:
    """Is every failed allocation followed by a list of free ranges of which none is long enough? One that is not
    leaves it open for all: the list of one failure says nothing of another. Where the whole area has less free than
    was asked for, no kernel found a range to try."""
    told: List[Tuple[str, List[Place]]] = []
    failed: Optional[Record] = None
    is_less = True
    for record in records:
        if record.kind == "cma_failed" and record.number("nr_pages"):
            if failed is not None:
                return
            failed = record
        elif record.kind == "cma_free" and failed is not None:
            wanted, largest = failed.number("nr_pages") or 0, record.number("largest_free")
            free = record.number("nr_free")
            if free is not None and free < wanted:
                told.append(_less_free(failed, record))
            elif largest is None:
                return
            elif wanted <= largest:
                yield ("cma-room", *_room(record))
                return
            else:
                is_less = False
                told.append(_no_range(failed, record))
            failed = None
    if failed is None and told:
        yield ("cma-too-small", *told[0])
        if is_less:
            yield ("cma-less-free", *told[0])


def _less_free(failed: Record, free: Record) -> Tuple[str, List[Place]]:
    sentence = "%d pages were asked for, and %d are free in the whole area."
    numbers = (failed.number("nr_pages"), free.number("nr_free"))
    return sentence % numbers, [*failed.places("nr_pages"), *free.places("nr_free")]


def _no_range(failed: Record, free: Record) -> Tuple[str, List[Place]]:
    sentence = "%d pages were asked for, and the longest free range has %d."
    numbers = (failed.number("nr_pages"), free.number("largest_free"))
    return sentence % numbers, [*failed.places("nr_pages"), *free.places("largest_free")]


def _room(free: Record) -> Tuple[str, List[Place]]:
    sentence = "%d pages are free, and the longest free range has %d: it is not full."
    numbers = (free.number("nr_free") or 0, free.number("largest_free"))
    return sentence % numbers, list(free.places("largest_free", "nr_free"))


def _not_mounted(records: Sequence[Record]) -> Iterator[Tuple[str, str, List[Place]]]:
    """What `inspect` did not list. As root it reads every mount namespace, and prints its counters after them."""
    asked = next((one for one in records if one.kind == "kernel" and one.text("uid") == "0"), None)
    if asked is None or not any(one.kind == "counter" and one.get("before") for one in records):
        return
    mounted = {one.text("fs") for one in records if one.kind == "mount"}
    if not mounted & _NETWORK:
        yield "no-network-mount", "", [*asked.places("uid")]
    if "virtiofs" not in mounted and not any(one.kind == "fuse_connection" for one in records):
        yield "no-fuse-mount", "", [*asked.places("uid")]


def _one_owner(suspects: Record, mapped: List[Record]) -> Iterator[Tuple[str, str, List[Place]]]:
    """Do all frames of a block that are under writeback belong to files of one kind of file system?"""
    systems = {one.text("fs") for one in mapped}
    if mapped and len(mapped) == suspects.number("writeback") and len(systems) == 1 and "" not in systems:
        told = "These are all %d frames of %s under writeback." % (len(mapped), suspects.text("block"))
        yield "only-writeback:" + systems.pop(), told, [*suspects.places("writeback"), *mapped[0].places("file")]


def _said(record: Record, connections: Connections) -> Said:
    saying = SAYING.get(record.kind)
    if saying is not None:
        yield from saying(record, connections)


def _fuse(record: Record, connections: Connections) -> Said:
    waiting = record.number("waiting")
    if waiting:
        requests = "1 request waits" if waiting == 1 else "%d requests wait" % waiting
        yield "fuse-waits", "%s: %s." % (_connection(record), requests)
    elif waiting == 0:
        yield "fuse-idle", ""
    elif record.get("daemons"):  # without fusectl nobody counts what waits
        yield "there:fuse", "%s." % _connection(record)


def _connection(record: Record) -> str:
    made = "FUSE connection %s" % record.text("connection")
    made += ", mounted at %s" % record.text("mount") if record.get("mount") else ""
    if record.get("daemons"):
        made += ", served by %s (pid %s" % (record.text("comm") or "a process", record.text("daemons"))
        made += ", uid %s)" % record.text("uid") if record.get("uid") else ")"
    return made


def _suspect(record: Record, connections: Connections) -> Said:
    state = {"WRITEBACK": "writeback", "LOCKED": "locked"}
    for flag in record.text("flags").split(",")[:32]:
        if flag in state and record.get("fs"):
            which = "Page frames of %s belong" % record.text("block") if record.get("block") else "A page frame belongs"
            told = "%s to %s" % (which, record.text("file"))
            major, _, minor = record.text("device").partition(":")
            if major.isdecimal() and minor.isdecimal():
                connection = connections.get((int(major) << 20) | int(minor))
                told += ", " + _connection(connection) if connection else ""
            yield "%s-folio:%s" % (state[flag], record.text("fs")), told + "."


def _suspects(record: Record, connections: Connections) -> Said:
    for name in ("writeback", "locked", "poisoned"):
        number = record.number(name)
        if number:
            yield "suspects-" + name, "%d page frames of %s." % (number, record.text("block"))


def _counter(record: Record, connections: Connections) -> Said:
    before, after = record.number("before"), record.number("after")
    name = record.text("name")
    if before is not None and after is not None:
        if after > before:
            yield name + "-grew", "%s: %d more." % (name, after - before)
        elif after == before and after and name.startswith(("nr_writeback", "nr_isolated")):
            yield name + "-flat", "%s stays at %d." % (name, after)
    elif (record.number("now") or 0) > 0 and name == "nr_writeback_temp":
        yield "writeback-temp", ""


def _pins(record: Record, connections: Connections) -> Said:
    number = record.number("now")
    if number is not None:
        yield ("pins", "%d pins exist." % number) if number > 0 else ("no-pins", "")


SAYING: Mapping[str, Callable[[Record, Connections], Said]] = {
    "fuse_connection": _fuse,
    "mapped_suspect": _suspect,
    "suspects": _suspects,
    "counter": _counter,
    "pins": _pins,
    "memory_failure": lambda record, _: iter([("memory-failure", "")]),
    "server_gone": lambda record, _: iter([("server-gone:" + record.text("filesystem"), record.text("said") + ".")]),
    "cma_busy": lambda record, _: iter([("cma-busy", "")]),
    "cma_failed": lambda record, _: iter([("cma-failed", "")]),
    "contig_busy": lambda record, _: iter([("range-busy", "")]),
    "virtio_mem": lambda record, _: iter([("virtio-mem", "")]),
    "trace": lambda record, _: iter([("trace:" + record.text("event"), "")]),
}
