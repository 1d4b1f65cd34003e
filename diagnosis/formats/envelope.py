"""The native report, version 1: what `probe.pyz` sends. JSON bytes in, observations out.

    {"format": "unmigratable-report", "version": 1, "run_id": …, "kernel": {…}, "environment": "host",
     "origin": {"job_url": …, "commit": …},
     "runs": [{"case": …, "mover": …, "area": …, "outcome": …, "control": {…}, "target": {…}, …}]}

Units stand in the names. What is not known is absent, never zero. The outcome must be the one that
`outcome.judge` gives for the numbers sent; without a control that could move there is no verdict.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Tuple

from diagnosis.formats import shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import outcome
from diagnosis.matching.observation import Observation
from diagnosis.words import vocabulary

NAME = "unmigratable-report"
VERSION = 1
MEDIA_TYPE = "application/json"
MAX_RUNS = 500

MINOR = 2  # what a report may say since 1: `machine` and `origin`; since 2: `patch_id`, `setting` and `base` in it

_SLUG = shape.pattern(r"[a-z0-9][a-z0-9-]{0,63}", "a slug: lower-case letters, digits and hyphens, up to 64")
TIME = shape.pattern(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", "an RFC 3339 time such as 2026-11-22T20:15:00Z"
)
_PAGES = shape.whole(0, 2**31)
_PLACE = shape.record({"returned": shape.boolean()}, {"seconds": shape.seconds(86_400)})

KERNEL = shape.record(
    {
        "release": shape.pattern(r"[\x21-\x7e]{1,120}", "what `uname -r` prints, up to 120 characters"),
        "architecture": shape.pattern(r"[a-z0-9_]{1,32}", "what `uname -m` prints"),
    },
    {
        "version": shape.text(300),
        "label": shape.text(80),
        "config": shape.mapping(shape.fact(), 200),
        "sysctl": shape.mapping(shape.fact(), 100),
        "cmdline": shape.text(2_000),
        "nr_nodes": shape.whole(1, 4_096),
    },
)

_RUN = shape.record(
    {
        "case": _SLUG,
        "mover": shape.word(vocabulary.MOVERS),
        "outcome": shape.word(vocabulary.RUN_OUTCOMES),
    },
    {
        "area": shape.word(vocabulary.AREAS),
        "migrate_mode": shape.word(vocabulary.MIGRATE_MODES),
        "holder": shape.word(vocabulary.HOLDERS),
        "started_at": TIME,
        "reason": shape.text(2_000),
        "control": shape.record({"nr_pages": shape.whole(1, 2**31), "nr_moved": _PAGES}),
        "target": shape.record(
            {"nr_pages": shape.whole(1, 2**31), "nr_moved_while_held": _PAGES},
            {
                "nr_moved_by_hold": _PAGES,
                "nr_moved_after_release": _PAGES,
                "in_movable_area": shape.boolean(),
                "reached": shape.boolean(),
            },
        ),
        "attempt": _PLACE,
        "freed_seconds": shape.seconds(86_400),
        "operation": shape.record(
            {"name": shape.text(100)},
            {"before": shape.boolean(), "while_held": shape.boolean(), "after_release": shape.boolean()},
        ),
        "blocked": shape.record(
            {"state": shape.pattern(r"[A-Za-z]", "one letter, as in /proc/PID/stat")},
            {"wchan": shape.text(120, 0), "stack": shape.array(shape.text(200), 64)},
        ),
        "tries": shape.record({}, {"while_held": shape.whole(0, 1_000), "after_release": shape.whole(0, 1_000)}),
        "vmstat": shape.mapping(shape.whole(-(2**63), 2**63 - 1), 200),
        "facts": shape.mapping(shape.fact(), 64),
        "log": shape.array(shape.text(1_000, 0), 400),
    },
)

# Whole, without a name and password before the host: it is shown, and linked to.
_ADDRESS = shape.pattern(
    r"https?://[A-Za-z0-9.:\[\]-]{1,255}(?:[/?#][!#-;=?-\[\]_a-z~]{0,1000})?",
    "an http or https address without a password, of up to 1,255 characters",
)
ORIGIN = shape.record(
    {},
    {
        "job_url": _ADDRESS,
        "log_url": _ADDRESS,
        "tree": shape.text(200),
        "commit": shape.pattern(r"[0-9a-f]{12,64}", "12 to 64 hex digits"),
        "config_sha256": shape.pattern(r"[0-9a-f]{64}", "64 hex digits"),
        "patch_id": shape.pattern(r"[0-9a-f]{40}|[0-9a-f]{64}", "what `git patch-id` prints of the patch"),
        "setting": shape.text(200),
        "base": shape.text(210),
    },
)

ENVELOPE = shape.record(
    {
        "format": shape.constant(NAME),
        "version": shape.constant(VERSION),
        "run_id": shape.pattern(r"[A-Za-z0-9._:-]{8,100}", "8 to 100 letters, digits and . _ : -"),
        "kernel": KERNEL,
        "environment": shape.word(vocabulary.ENVIRONMENTS),
        "runs": shape.array(_RUN, MAX_RUNS, least=1),
    },
    {
        "minor": shape.whole(0, MINOR),
        "machine": shape.pattern(r"[a-z0-9][a-z0-9._+-]{0,63}", "the name of a machine of the same owner"),
        "origin": ORIGIN,
        "started_at": TIME,
        "probe": shape.record({"version": shape.text(80)}, {"sha256": shape.pattern(r"[0-9a-f]{64}", "64 hex digits")}),
    },
)

_NO_NUMBERS_NEEDED = ("skipped", "error")
_FOR_NO_VERDICT: Tuple[str, ...] = ("reason",)
_FOR_A_VERDICT: Tuple[str, ...] = ("area", "control", "target", "attempt")


@dataclass(frozen=True)
class Kernel:
    release: str
    architecture: str
    label: str
    version: str
    config: Mapping[str, Any]
    sysctl: Mapping[str, Any]
    nr_nodes: Optional[int]


@dataclass(frozen=True)
class Run:
    """One run as it was sent, for its page. `sent` is the checked JSON object; absent stays absent."""

    key: str
    case: str
    outcome: str
    sent: Mapping[str, Any]


@dataclass(frozen=True)
class Envelope:
    run_id: str
    started_at: str
    probe_version: str
    environment: str
    kernel: Kernel
    runs: Tuple[Run, ...]
    origin: Mapping[str, str]


def read(body: bytes) -> Envelope:
    """The report in `body`. Raises `Unreadable`, with up to 50 faults."""
    return _envelope(_checked(body))


def _checked(body: bytes) -> Mapping[str, Any]:
    value: Mapping[str, Any] = shape.load(body)
    shape.demand(ENVELOPE, value)
    missing: List[Fault] = []
    wrong: List[Fault] = []
    for index, run in enumerate(value["runs"]):
        where = shape.pointer("/runs", index)
        lacks = _lacking(run, where)
        missing += lacks
        if not lacks and run["outcome"] not in _NO_NUMBERS_NEEDED:
            _check_numbers(run, where, wrong)
    for code, faults in (("wrong-shape", missing), ("contradiction", wrong)):
        if faults:
            raise Unreadable(code, faults[: shape.MAX_FAULTS])
    return value


def _envelope(value: Mapping[str, Any]) -> Envelope:
    kernel = value["kernel"]
    return Envelope(
        run_id=value["run_id"],
        started_at=value.get("started_at", ""),
        probe_version=value.get("probe", {}).get("version", ""),
        environment=value["environment"],
        kernel=Kernel(
            kernel["release"],
            kernel["architecture"],
            kernel.get("label", ""),
            kernel.get("version", ""),
            kernel.get("config", {}),
            kernel.get("sysctl", {}),
            kernel.get("nr_nodes"),
        ),
        runs=tuple(
            Run(shape.pointer("/runs", index), run["case"], run["outcome"], run)
            for index, run in enumerate(value["runs"])
        ),
        origin=value.get("origin", {}),
    )


def observations(envelope: Envelope) -> List[Observation]:
    return [_observation(envelope, run) for run in envelope.runs]


def count(run: Mapping[str, Any]) -> outcome.Count:
    """The numbers of a run, as `outcome.judge` takes them. `run` has a control, a target and an attempt."""
    target, operation = run["target"], run.get("operation", {})
    return outcome.Count(
        control_nr=run["control"]["nr_pages"],
        control_moved=run["control"]["nr_moved"],
        target_nr=target["nr_pages"],
        moved_by_hold=target.get("nr_moved_by_hold", 0),
        moved_while_held=target["nr_moved_while_held"],
        moved_after_release=target.get("nr_moved_after_release"),
        returned=run["attempt"]["returned"],
        in_movable_area=target.get("in_movable_area", True),
        reached=target.get("reached", True),
        operation_held=operation.get("while_held"),
        operation_released=operation.get("after_release"),
    )


def _lacking(run: Mapping[str, Any], where: str) -> List[Fault]:
    """What this outcome must come with, and does not."""
    if run["outcome"] in _NO_NUMBERS_NEEDED:
        needed, why = _FOR_NO_VERDICT, "to be present where the outcome is " + run["outcome"]
    else:
        needed, why = _FOR_A_VERDICT, "to be present: no verdict without it"
    return [Fault(shape.pointer(where, name), why, "nothing") for name in needed if name not in run]


def _check_numbers(run: Mapping[str, Any], where: str, faults: List[Fault]) -> None:
    if not _within(run, where, faults):
        return
    right, why = outcome.judge(count(run))
    if right != run["outcome"]:
        faults.append(Fault(where + "/outcome", "%s, since %s" % (right, why), shape.shown(run["outcome"])))


def _within(run: Mapping[str, Any], where: str, faults: List[Fault]) -> bool:
    good = True
    for part, names in (
        ("control", ("nr_moved",)),
        ("target", ("nr_moved_while_held", "nr_moved_by_hold", "nr_moved_after_release")),
    ):
        most = run[part]["nr_pages"]
        for name in names:
            if run[part].get(name, 0) > most:
                faults.append(
                    Fault("%s/%s/%s" % (where, part, name), "at most nr_pages, %d" % most, str(run[part][name]))
                )
                good = False
    return good


def _check(body: bytes, given: Given) -> str:
    return str(_checked(body)["run_id"])


def _observations(body: bytes, given: Given) -> List[Observation]:
    return observations(read(body))


def _checked_before(body: bytes, given: Given) -> List[Observation]:
    return observations(_envelope(json.loads(body.decode("utf-8-sig"))))


def _origin(body: bytes, given: Given) -> Mapping[str, str]:
    if b'"origin"' not in body:  # which saves reading every report twice
        return {}
    return dict(shape.load(body).get("origin", {}))


FORMAT = Format(
    name=NAME,
    title="The native report, version %d" % VERSION,
    media_types=(MEDIA_TYPE,),
    suffix=".json",
    needs=(),
    check=_check,
    observations=_observations,
    origin=_origin,
    checked=_checked_before,
)


def _observation(envelope: Envelope, run: Run) -> Observation:
    sent = run.sent
    mover = sent["mover"]
    area = sent.get("area", "")
    mark = "%s/%s/%s/%s" % (run.case, mover, area, run.outcome)
    operation = sent.get("operation", {})
    return Observation(
        key=run.key,
        kind="run",
        names=run.case,
        release=envelope.kernel.release,
        label=envelope.kernel.label,
        architecture=envelope.kernel.architecture,
        mover=mover,
        migrate_mode=sent.get("migrate_mode", vocabulary.MOVER_MODES.get(mover, "")),
        area=area,
        environment=envelope.environment,
        outcome=run.outcome,
        freed_seconds=sent.get("freed_seconds"),
        fingerprint=hashlib.sha256(mark.encode()).hexdigest()[:16],
        worked_before=operation.get("before"),
        worked_while_held=operation.get("while_held"),
        worked_after=operation.get("after_release"),
        seen_at=sent.get("started_at", envelope.started_at),
    )
