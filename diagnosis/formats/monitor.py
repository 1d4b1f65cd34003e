"""What `probe.pyz monitor` saw while it watched, version 1. JSON bytes in, observations of kind `monitor` out.

    {"format": "unmigratable-monitor", "version": 1, "run_id": …, "kernel": {…}, "environment": "host",
     "seconds": 3600, "events": [{"at": …, "kind": "log", "what": "migrating pfn 1100fd failed ret:16"}, …]}

`kind`: log (a line of the kernel's), blocked (a task that sleeps in D while it migrates, with its stack, innermost
first), counter (one that has risen, by `rise`). Log and stacks are read as a pasted text is; a counter alone names no
case. Nothing of it has a control beside it, so it is counted apart from runs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Mapping

from diagnosis.formats import kernel_log, shape
from diagnosis.formats.envelope import KERNEL, TIME
from diagnosis.formats.format import Format, Given
from diagnosis.matching.observation import Context, Observation
from diagnosis.readers import inspect
from diagnosis.words.vocabulary import ENVIRONMENTS

NAME = "unmigratable-monitor"
VERSION = 1
MEDIA_TYPE = "application/vnd.unmigratable.monitor+json"
MAX_EVENTS = 1_000
LOG, BLOCKED, COUNTER = "log", "blocked", "counter"
_SECONDS = shape.seconds(10_000_000)
_EVENT = shape.record(
    {
        "at": TIME,
        "kind": shape.pattern("%s|%s|%s" % (LOG, BLOCKED, COUNTER), "log, blocked or counter"),
        "what": shape.text(1_000),
    },
    {
        "rise": shape.whole(1, 2**63 - 1),
        "pid": shape.whole(1, 2**22),
        "stack": shape.array(shape.text(200), 64),
    },
)
SEEN = shape.record(
    {
        "format": shape.constant(NAME),
        "version": shape.constant(VERSION),
        "run_id": shape.pattern(r"[A-Za-z0-9._:-]{8,100}", "8 to 100 letters, digits and . _ : -"),
        "kernel": KERNEL,
        "environment": shape.word(ENVIRONMENTS),
        "seconds": _SECONDS,
        "events": shape.array(_EVENT, MAX_EVENTS, least=1),
    },
    {
        "started_at": TIME,
        "cpu_seconds": _SECONDS,
        "probe": shape.record({"version": shape.text(80)}, {"sha256": shape.pattern(r"[0-9a-f]{64}", "64 hex digits")}),
    },
)


def read(body: bytes) -> Mapping[str, Any]:
    """The report in `body`. Raises `Unreadable`, with up to 50 faults."""
    value: Mapping[str, Any] = shape.load(body)
    shape.demand(SEEN, value)
    return value


def as_text(seen: Mapping[str, Any]) -> str:
    """Its events as `probe.pyz inspect` and the kernel's log would have said them, in their order."""
    return "\n".join(line for event in seen["events"] for line in _lines(event))


def _lines(event: Mapping[str, Any]) -> List[str]:
    if event["kind"] == LOG:
        return [event["what"]]
    if event["kind"] == COUNTER:
        return []
    stack = ["[<0>] " + frame for frame in event.get("stack", [])]
    name = event["what"].partition("[")[0]
    return [inspect.line("task", pid=event.get("pid", ""), comm=name, state="D"), *stack, ""]


def _observations(body: bytes, given: Given) -> List[Observation]:
    seen = read(body)
    kernel = seen["kernel"]
    context = Context(kernel["release"], kernel.get("label", ""), kernel["architecture"], seen["environment"])
    began = seen.get("started_at", "")
    return [replace(one, kind="monitor", seen_at=began) for one in kernel_log.observations(as_text(seen), context)]


def _check(body: bytes, given: Given) -> str:
    return str(read(body)["run_id"])


FORMAT = Format(
    name=NAME,
    title="What was seen while watching, version %d" % VERSION,
    media_types=(MEDIA_TYPE,),
    suffix=".json",
    needs=(),
    check=_check,
    observations=_observations,
)
