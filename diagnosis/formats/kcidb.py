"""KCIDB reports, schema 5.x (kcidb-io, kcidb_io/schema/v05_*.py): the tests in them, as a CI farm sends them.

A test names its build and that its checkout; build and checkout give architecture and kernel, unless the request
says the kernel. `git_commit_name` is what `git describe` prints: `v7.1-rc2-14-gabc` stands for the kernel
`7.1-rc2-14-gabc`. A patched checkout is a labelled build. Tests without a path or a status say nothing and are
passed over; fields that later minor versions add are too. Issues and incidents are other people's findings and are
not read. KCIDB carries no control: a test that passed or failed is shown, and stays out of every denominator.
"""

from __future__ import annotations

import hashlib
from typing import Any, Dict, List, Mapping

from diagnosis.formats import shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import naming
from diagnosis.matching.observation import Observation

MAX_OBJECTS = 5_000
OUTCOMES: Mapping[str, str] = {
    "PASS": "passed",
    "FAIL": "failed",
    "SKIP": "skipped",
    "ERROR": "error",
    "MISS": "error",
    "DONE": "inconclusive",
}
_ID = shape.pattern(r"[a-z0-9_]{1,60}:[^\x00-\x1f]{1,300}", "an id such as origin:123")
_COMMIT = shape.pattern(r"v?[\x21-\x7e]{1,120}", "what `git describe` prints, up to 120 characters")
_CHECKOUT = shape.record(
    {"id": _ID},
    {
        "git_commit_name": _COMMIT,
        "git_commit_hash": shape.pattern(r"[0-9a-f]{40}|[0-9a-f]{64}", "a whole commit hash"),
        "patchset_hash": shape.pattern(r"(?:[0-9a-f]{64})?", "64 hex digits, or nothing"),
    },
    closed=False,
)
_BUILD = shape.record(
    {"id": _ID, "checkout_id": _ID},
    {"architecture": shape.pattern(r"[a-z0-9_]{1,32}", "an architecture")},
    closed=False,
)
_TEST = shape.record(
    {"id": _ID, "build_id": _ID},
    {
        "path": shape.pattern(r"[.a-zA-Z0-9_-]{0,400}", "a dotted path of letters, digits, _ and -"),
        "status": shape.word(OUTCOMES),
    },
    closed=False,
)
DOCUMENT = shape.record(
    {"version": shape.record({"major": shape.constant(5)}, {"minor": shape.whole(0, 99)})},
    {
        "checkouts": shape.array(_CHECKOUT, MAX_OBJECTS),
        "builds": shape.array(_BUILD, MAX_OBJECTS),
        "tests": shape.array(_TEST, MAX_OBJECTS),
    },
    closed=False,
)


def check(body: bytes, given: Given) -> str:
    """The tests in the document are the run: the same tests are the same sending. Raises `Unreadable`."""
    ids = sorted(test["id"] for test in _read(body, given)["tests"])
    return "kcidb:" + hashlib.sha256("\n".join(ids).encode()).hexdigest()


def observations(body: bytes, given: Given) -> List[Observation]:
    value = _read(body, given)
    return [
        _observation(index, test, value, given)
        for index, test in enumerate(value["tests"])
        if test.get("path") and test.get("status")
    ]


FORMAT = Format(
    name="kcidb",
    title="KCIDB 5",
    media_types=("application/vnd.kcidb+json",),
    suffix=".json",
    needs=(),
    check=check,
    observations=observations,
)


def _read(body: bytes, given: Given) -> Dict[str, Any]:
    """The document, `checkouts` and `builds` by id, once it is sure that every test can be told of."""
    value = shape.load(body)
    shape.demand(DOCUMENT, value)
    faults: List[Fault] = []
    if not value.get("tests"):
        raise Unreadable("wrong-shape", [Fault("/tests", "at least one test", "none")])
    made: Dict[str, Any] = {"tests": value["tests"]}
    for kind in ("checkouts", "builds"):
        made[kind] = {one["id"]: one for one in value.get(kind, [])}
    seen = set()
    for index, test in enumerate(made["tests"]):
        if test["id"] in seen:
            faults.append(Fault("/tests/%d/id" % index, "an id of its own", shape.shown(test["id"])))
        seen.add(test["id"])
        if not _kernel(test, made, given):
            expected = "a build and checkout in this document with a git_commit_name, or the parameter kernel"
            faults.append(Fault("/tests/%d/build_id" % index, expected, shape.shown(test["build_id"])))
        if not _architecture(test, made, given):
            expected = "a build in this document with an architecture, or the parameter architecture"
            faults.append(Fault("/tests/%d/build_id" % index, expected, shape.shown(test["build_id"])))
        if len(faults) >= shape.MAX_FAULTS:
            break
    if faults:
        raise Unreadable("contradiction", faults[: shape.MAX_FAULTS])
    return made


def _checkout(test: Mapping[str, Any], value: Mapping[str, Any]) -> Mapping[str, Any]:
    build = value["builds"].get(test["build_id"], {})
    found: Mapping[str, Any] = value["checkouts"].get(build.get("checkout_id"), {})
    return found


def _kernel(test: Mapping[str, Any], value: Mapping[str, Any], given: Given) -> str:
    name = str(_checkout(test, value).get("git_commit_name", ""))
    return given.kernel or (name[1:] if name[:1] == "v" and name[1:2].isdigit() else name)


def _architecture(test: Mapping[str, Any], value: Mapping[str, Any], given: Given) -> str:
    return given.architecture or str(value["builds"].get(test["build_id"], {}).get("architecture", ""))


def _observation(index: int, test: Mapping[str, Any], value: Mapping[str, Any], given: Given) -> Observation:
    name, outcome = naming.plain(test["path"]), OUTCOMES[test["status"]]
    patches = _checkout(test, value).get("patchset_hash", "")
    return Observation(
        key="/tests/%d" % index,
        kind="test",
        names=name,
        release=_kernel(test, value, given),
        label=given.label or (patches and "patchset " + patches[:12]),
        architecture=_architecture(test, value, given),
        mover="",
        migrate_mode="",
        area="",
        environment=given.environment,
        outcome=outcome,
        freed_seconds=None,
        fingerprint=hashlib.sha256(("%s/%s" % (name, outcome)).encode()).hexdigest()[:16],
    )
