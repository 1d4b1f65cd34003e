"""What the Linux Test Project prints: a test's own lines, runltp's log of many, and the JSON of its runner kirk.

    <<<test_start>>>
    tag=migrate_pages02 stime=1753707486
    <<<test_output>>>
    migrate_pages02.c:80: TFAIL: migrate_pages failed ret: -1, : EPERM (1)
    move_pages12    1  TPASS  :  move_pages12.c:142: …            of tests that use the old library
    <<<execution_status>>>
    duration=0 termination_type=exited termination_id=1 corefile=no

One observation a test, `ltp.NAME`: failed where a line says so, else error, passed or skipped, in this order. Where no
tag is printed a test is called as its source file; what the library says belongs to the test before it. A test that was
started and has no status, since a panic or a timeout ended the run, is an error. What the kernel's log between shows
becomes observations too. Stamps and the like are taken off. LTP carries no control and no run id.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from diagnosis.formats import kernel_log, shape
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import naming
from diagnosis.matching.observation import Context, Observation
from diagnosis.text import decode, log_lines, unwrap

MAX_TESTS = 5_000
MAX_LINE = 2_000
_WORDS = "PASS|FAIL|BROK|CONF|WARN"
_MAY_SAY = re.compile(r"<<<|\btag=|\bT?(?:%s)\b|termination_" % _WORDS)
_RESULT = re.compile(r"([\w-]{1,80})\.[ch]:\d{1,6}: {1,4}T?(%s)\b" % _WORDS)
_OLD_RESULT = re.compile(r"([\w-]{1,80}) {1,20}\d{1,6} {1,8}T(%s) {1,8}:" % _WORDS)
_TAG = re.compile(r"tag=([\w.-]{1,80})(?:\s|$)")
_ENDED = re.compile(r".{0,200}termination_type=(\w{1,20}) termination_id=(\d{1,5})")
# Sources of the library, which no test is called after.
_LIBRARY = re.compile(r"(?:tst|safe|lapi)_")
# Of the exit status of a test: lib/tst_res_flags.h.
_BITS = ((1, "FAIL"), (2, "BROK"), (4, "WARN"), (32, "CONF"))
_STATUS = {"pass": "PASS", "fail": "FAIL", "brok": "BROK", "conf": "CONF", "warn": "WARN"}
_WEIGHT = (("FAIL", "failed"), ("BROK", "error"), ("PASS", "passed"), ("CONF", "skipped"), ("WARN", "inconclusive"))


@dataclass
class Test:
    """One test: where it is first spoken of, and which words were said of it."""

    name: str
    line: int
    words: Set[str] = field(default_factory=set)
    is_begun: bool = False

    @property
    def outcome(self) -> str:
        if self.is_begun and "FAIL" not in self.words:
            return "error"
        return next((outcome for word, outcome in _WEIGHT if word in self.words), "error")


def results(body: bytes) -> List[Test]:
    """Every test, in order. Raises `Unreadable`."""
    made = _of_kirk(body) if body.lstrip()[:1] == b"{" else _of_log(body)
    if not made:
        raise Unreadable("not-ltp", [Fault("1:1", "a line such as: migrate_pages02.c:80: TPASS: …", "no such line")])
    if len(made) > MAX_TESTS:
        raise Unreadable("not-ltp", [Fault("%d:1" % made[MAX_TESTS].line, "up to %d tests" % MAX_TESTS, "more")])
    return made


def is_in(body: bytes) -> bool:
    """Whether some line says a result as LTP does."""
    return _SURE.search(body) is not None


_SURE = re.compile(rb"\.[ch]:\d{1,6}: {1,4}T?(?:PASS|FAIL|BROK|CONF): |<<<test_start>>>")


def _of_log(body: bytes) -> List[Test]:
    made: List[Test] = []
    current: Optional[Test] = None
    is_tagged = False
    early: Set[str] = set()
    for number, text in _lines(body):
        tag = _TAG.match(text)
        ended = _ENDED.match(text)
        if text.startswith("<<<test_start>>>"):
            current, is_tagged = None, True
        elif text.startswith("<<<test_end>>>"):
            current, is_tagged = None, False
        elif tag and is_tagged and current is None:
            current = Test(tag[1], number, is_begun=True)
            made.append(current)
        elif ended and is_tagged and current:
            current.is_begun = False
            current.words |= _of_status(ended[1], int(ended[2])) - ({"PASS"} if current.words else set())
        else:
            found = _RESULT.match(text) or _OLD_RESULT.match(text)
            if not found:
                continue
            name = found[1]
            if not is_tagged and not _LIBRARY.match(name) and (current is None or current.name != name):
                current = Test(name, number, early)
                early = set()
                made.append(current)
            (current.words if current else early).add(found[2])
        if len(made) > MAX_TESTS:
            break
    return made


def _of_status(kind: str, status: int) -> Set[str]:
    if kind != "exited":
        return {"BROK"}
    return {word for bit, word in _BITS if status & bit} or ({"BROK"} if status else {"PASS"})


def _lines(body: bytes) -> Iterator[Tuple[int, str]]:
    for piece in log_lines.undressed(decode.decode(body), MAX_LINE):
        if _MAY_SAY.search(piece.text):
            yield piece.number, unwrap.unstamped(piece).text.strip()


_KIRK = shape.record(
    {
        "results": shape.array(
            shape.record(
                {"test_fqn": shape.text(200), "status": shape.word(_STATUS)},
                closed=False,
            ),
            MAX_TESTS,
        )
    },
    closed=False,
)


def _of_kirk(body: bytes) -> List[Test]:
    value: Dict[str, Any] = shape.load(body)
    shape.demand(_KIRK, value)
    return [
        Test(one["test_fqn"], number, {_STATUS[one["status"]]}) for number, one in enumerate(value["results"], start=1)
    ]


def tests(found: List[Test], given: Given) -> List[Observation]:
    return [
        Observation(
            key="ltp:%d" % number,
            kind="test",
            names=naming.path(("ltp", one.name)),
            release=given.kernel,
            label=given.label,
            architecture=given.architecture,
            mover="",
            migrate_mode="",
            area="",
            environment=given.environment,
            outcome=one.outcome,
            freed_seconds=None,
            fingerprint=hashlib.sha256(("ltp.%s/%s" % (one.name, one.outcome)).encode()).hexdigest()[:16],
        )
        for number, one in enumerate(found, start=1)
    ]


def observations(body: bytes, given: Given) -> List[Observation]:
    context = Context(given.kernel, given.label, given.architecture, given.environment)
    return tests(results(body), given) + kernel_log.observations(body, context)


def _check(body: bytes, given: Given) -> str:
    """Checks that LTP wrote it. It carries no run id: two runs may print the same text."""
    results(body)
    return ""


FORMAT = Format(
    name="ltp",
    title="What LTP prints, or kirk's JSON",
    media_types=("application/x-ltp", "text/x-ltp"),
    suffix=".txt",
    needs=("kernel", "architecture"),
    check=_check,
    observations=observations,
)
