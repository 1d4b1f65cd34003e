"""KCIDB reports, schema 5.x (kcidb-io, kcidb_io/schema/v05_*.py): the tests in them, as a CI farm sends them.

A test names its build and that its checkout, which give architecture and kernel unless the request says the kernel.
All three are objects with an id, and may come in several messages: `document` checks one message; whoever keeps them
merges objects by id, and hands `observations` a document in which each test has all that is known of it. A checkout is
its `git_commit_name`, else its hash; a patched one is a labelled build. Tests without a path, a status, a kernel or an
architecture say nothing yet. `log_excerpt` is read as a log. Fields that later minor versions add are passed over, and
so are issues and incidents: other people's findings. KCIDB carries no control: a test that passed or failed is shown,
and stays out of every denominator.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from diagnosis.formats import kernel_log, shape
from diagnosis.formats.envelope import TIME
from diagnosis.formats.format import Format, Given, Note
from diagnosis.matching import naming
from diagnosis.matching.observation import Context, Observation

MAX_OBJECTS = 5_000
MAX_EXCERPT = 16_384
MAX_MISC = 4_000
OUTCOMES: Mapping[str, str] = {
    "PASS": "passed",
    "FAIL": "failed",
    "SKIP": "skipped",
    "ERROR": "error",
    "MISS": "error",
    "DONE": "inconclusive",
}
# What an export of ours carries in `misc`, and the ids of those before it did.
EXPORTED_BY = {"exported_by": "unmigratable"}
EXPORTED_IDS = "unmigratable:"
# In a merged document, a test of which a later message tells more: it counts there.
ELSEWHERE = "_elsewhere"
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
        "start_time": TIME,
        "log_url": shape.text(2_000, 0),
        "log_excerpt": shape.text(MAX_EXCERPT, 0),
        "misc": shape.record({}, closed=False),
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


@dataclass(frozen=True)
class Kind:
    """One kind of object. `kept`: the fields that are read; `parent`: the one that names the object above."""

    parent: str
    kept: Tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "checkouts": Kind("", ("git_commit_name", "git_commit_hash", "patchset_hash")),
    "builds": Kind("checkout_id", ("checkout_id", "architecture")),
    "tests": Kind("build_id", ("build_id", "path", "status", "start_time", "log_url", "log_excerpt", "misc")),
}


def document(body: bytes) -> Dict[str, Any]:
    """The message in `body`, checked. Raises `Unreadable`."""
    value: Dict[str, Any] = shape.load(body)
    shape.demand(DOCUMENT, value)
    return value


def check(body: bytes, given: Given) -> str:
    """The message is the run: only an equal one is the same sending. Raises `Unreadable`."""
    text = json.dumps(document(body), sort_keys=True)
    return "kcidb:" + hashlib.sha256(text.encode()).hexdigest()


def observations(body: bytes, given: Given) -> List[Observation]:
    made: List[Observation] = []
    for index, test, context in _tests(body, given):
        if not (context.release and context.architecture) or _is_out(test):
            continue
        if test.get("path") and test.get("status"):
            made.append(_observation(index, test, context))
        made += _excerpt(index, test, context)
    return made


def notes(body: bytes, given: Given) -> List[Note]:
    """Why tests became no observation."""
    counts: Counter[str] = Counter()
    has_tests = False
    for _, test, context in _tests(body, given):
        has_tests = True
        if _is_out(test):
            counts["told-elsewhere" if test.get(ELSEWHERE) else "exported"] += 1
        elif not (context.release and context.architecture):
            counts["waits-for-build"] += 1
        elif not (test.get("path") and test.get("status")):
            counts["not-done"] += 1
    if not has_tests and any(document(body).get(kind) for kind in ("checkouts", "builds")):
        counts["kept-for-tests"] = 1
    return [Note(code, number) for code, number in sorted(counts.items())]


def _is_out(test: Mapping[str, Any]) -> bool:
    misc = test.get("misc", {})
    is_ours = test["id"].startswith(EXPORTED_IDS) or EXPORTED_BY.items() <= misc.items()
    return bool(test.get(ELSEWHERE)) or is_ours


def _tests(body: bytes, given: Given) -> Iterator[Tuple[int, Mapping[str, Any], Context]]:
    """Each test once, with its first index and its kernel as far as that is known."""
    value = document(body)
    tests, builds, checkouts = (by_id(value, kind) for kind in ("tests", "builds", "checkouts"))
    for index, test in tests.values():
        _, build = builds.get(test["build_id"], (0, {}))
        _, checkout = checkouts.get(build.get("checkout_id", ""), (0, {}))
        release = given.kernel or checkout.get("git_commit_name") or checkout.get("git_commit_hash", "")
        patches = checkout.get("patchset_hash", "")
        label = given.label or (patches and "patchset " + patches[:12])
        architecture = given.architecture or build.get("architecture", "")
        yield index, test, Context(_without_v(release), label, architecture, given.environment)


def by_id(value: Mapping[str, Any], kind: str) -> Dict[str, Tuple[int, Dict[str, Any]]]:
    """The objects of a message with their first index; what is said twice of one id is merged, the later word wins."""
    made: Dict[str, Tuple[int, Dict[str, Any]]] = {}
    for index, one in enumerate(value.get(kind, [])):
        made.setdefault(one["id"], (index, {}))[1].update(one)
    return made


def _without_v(name: str) -> str:
    return name[1:] if name[:1] == "v" and name[1:2].isdigit() else name


def _observation(index: int, test: Mapping[str, Any], context: Context) -> Observation:
    name, outcome = naming.plain(test["path"]), OUTCOMES[test["status"]]
    return Observation(
        key="/tests/%d" % index,
        kind="test",
        names=name,
        release=context.release,
        label=context.label,
        architecture=context.architecture,
        mover="",
        migrate_mode="",
        area="",
        environment=context.environment,
        outcome=outcome,
        freed_seconds=None,
        fingerprint=hashlib.sha256(("%s/%s" % (name, outcome)).encode()).hexdigest()[:16],
        seen_at=test.get("start_time", ""),
        beside=_beside(test),
    )


def _beside(test: Mapping[str, Any]) -> str:
    """Its id, the address of its log, and what else its sender keeps with it, where that is short."""
    made = {name: test[name] for name in ("id", "log_url") if test.get(name)}
    misc = test.get("misc")
    try:
        # 1e999 is infinite once it was read, and then no JSON any more.
        if misc and len(json.dumps(misc, allow_nan=False)) <= MAX_MISC:
            made["misc"] = misc
    except ValueError:
        pass
    return json.dumps(made)


def _excerpt(index: int, test: Mapping[str, Any], context: Context) -> List[Observation]:
    if not test.get("log_excerpt"):
        return []
    key, seen_at, beside = "/tests/%d/log_excerpt" % index, test.get("start_time", ""), _beside(test)
    read = kernel_log.observations(test["log_excerpt"], context)
    return [replace(one, key="%s/%s" % (key, one.key), seen_at=seen_at, beside=beside) for one in read]


FORMAT = Format(
    name="kcidb",
    title="KCIDB 5",
    media_types=("application/vnd.kcidb+json",),
    suffix=".json",
    needs=(),
    check=check,
    observations=observations,
    notes=notes,
)
