"""KTAP, version 1, as kselftest and KUnit print it, and TAP 13 and 14, which kselftest printed before.

    KTAP version 1
    1..2
      KTAP version 1          nested: by two or more spaces (KUnit, KTAP) or by `# ` (kselftest's runner)
      1..1
      ok 1 private_anon
    ok 1 selftests: mm: migration
    not ok 2 selftests: mm: cow # SKIP needs two nodes

A line of a kernel log may begin with its time. What is neither a result, a plan nor a version is passed over, since
tests print as they like. A result whose own subtests were printed says nothing beyond them and is left out; of a
plan that was not kept, what is missing is one `error`. KTAP carries no control and no run id: a test that passed or
failed is shown, and stays out of every denominator.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Tuple

from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import naming
from diagnosis.matching.observation import Observation

MAX_RESULTS = 5_000
MAX_DEPTH = 12
MAX_LINE = 2_000
_TIME = re.compile(r"(?:<\d{1,3}>)?\[ {0,12}\d{1,12}\.\d{1,9}\](?:\[ {0,9}[TC]\d{1,9}\])? ?")
_NEST = re.compile(r"[ \t#]+(?=K?TAP version |1\.\.|ok |not ok )")
_VERSION = re.compile(r"K?TAP version \d+\s*$")
_PLAN = re.compile(r"1\.\.(\d{1,9})\b\s*(?:#\s*(SKIP)\b\s*(.*))?", re.IGNORECASE)
_RESULT = re.compile(r"(ok|not ok)\b\s*(?:\d{1,9}\b)?\s*(?:- )?(.*)")
_DIRECTIVE = re.compile(r"(SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b:?\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Result:
    """One result line. `outcome` is a slug of OUTCOMES; `directive` is '' or as written, in capitals."""

    line: int
    name: str
    outcome: str
    directive: str
    reason: str


_Found = List[Tuple[Tuple[str, ...], Result]]  # each with the names above it, so far


@dataclass
class _Level:
    """One nesting depth while it is read: how far it is indented, how many were planned and came."""

    indent: int
    planned: Optional[int] = None
    came: int = 0
    found: _Found = field(default_factory=list)

    def finished(self, line: int) -> _Found:
        """What was found, and one `error` where fewer came than were planned."""
        if self.planned is None or self.came >= self.planned:
            return self.found
        reason = "%d of %d planned results came" % (self.came, self.planned)
        return [*self.found, ((), Result(line, "", "error", "", reason))]


def results(body: bytes) -> List[Result]:
    """Every result that has no results below it, in the order of lines. Raises `Unreadable`."""
    levels: List[_Level] = []
    number, nr_results = 0, 0
    for number, indent, text in _lines(body):
        plan, result = _PLAN.match(text), _RESULT.match(text)
        if (not levels and not _VERSION.match(text)) or not (plan or result or _VERSION.match(text)):
            continue
        inner: _Found = []
        while result and levels[-1].indent > indent and len(levels) > 1:
            inner = levels.pop().finished(number) + inner  # a result ends what is nested below it
        if not levels or levels[-1].indent < indent:
            levels.append(_Level(indent))
        level = levels[-1]
        if plan:
            level.planned = int(plan[1])
            if plan[2]:
                level.found.append(((), Result(number, "", "skipped", "SKIP", naming.plain(plan[3]))))
                nr_results += 1
        elif result:
            level.came += 1
            level.found += _told(result, inner, number)
            nr_results += 1
        if nr_results > MAX_RESULTS or len(levels) > MAX_DEPTH:
            raise _too_much(number)
    if not levels:
        raise Unreadable("not-ktap", [Fault("1:1", "a line such as: KTAP version 1", "no such line")])
    found = [one for level in levels for one in level.finished(number)]  # several, where it ends inside a test
    if not found:
        raise Unreadable("not-ktap", [Fault("%d:1" % number, "at least one result", "none")])
    if len(found) > MAX_RESULTS:  # each level of each test may lack results that were planned
        raise _too_much(number)
    return [replace(one, name=naming.path(names)) for names, one in found]


def _too_much(line: int) -> Unreadable:
    most = "up to %d results, nested up to %d deep" % (MAX_RESULTS, MAX_DEPTH)
    return Unreadable("not-ktap", [Fault("%d:1" % line, most, "more")])


def observations(body: bytes, given: Given) -> List[Observation]:
    found = results(body)
    return [
        Observation(
            key=key,
            kind="test",
            names=result.name,
            release=given.kernel,
            label=given.label,
            architecture=given.architecture,
            mover="",
            migrate_mode="",
            area="",
            environment=given.environment,
            outcome=result.outcome,
            freed_seconds=None,
            fingerprint=hashlib.sha256(("%s/%s" % (result.name, result.outcome)).encode()).hexdigest()[:16],
        )
        for key, result in zip(_keys(found), found)
    ]


def _keys(found: List[Result]) -> Iterator[str]:
    """A key of its own for each: where output ends inside nested tests, several plans were not kept at one line."""
    times: Dict[int, int] = {}
    for result in found:
        times[result.line] = nth = times.get(result.line, 0) + 1
        yield "%d:1" % result.line if nth == 1 else "%d:1/%d" % (result.line, nth)


def _check(body: bytes, given: Given) -> str:
    """Checks that the body is KTAP. It carries no run id: two runs may print the same text."""
    results(body)
    return ""


FORMAT = Format(
    name="ktap",
    title="KTAP 1, TAP 13 and 14",
    media_types=("application/x-ktap", "text/x-ktap", "application/x-tap"),
    suffix=".ktap",
    needs=("kernel", "architecture"),
    check=_check,
    observations=observations,
)


def _lines(body: bytes) -> Iterator[Tuple[int, int, str]]:
    """Number from 1, indentation and text of each line, of which no more than MAX_LINE bytes are read."""
    for number, raw in enumerate(body.split(b"\n"), start=1):
        text = raw[:MAX_LINE].decode("utf-8", "replace").rstrip()
        time = _TIME.match(text)
        text = text[time.end() :] if time else text
        nest = _NEST.match(text)
        indent = nest.end() if nest else 0
        yield number, indent, text[indent:]


def _told(match: "re.Match[str]", inner: _Found, number: int) -> _Found:
    """What a result line says: its name for the results inside it, or where there are none, its own result."""
    name, _, comment = (" " + match[2]).partition(" #")
    told = _DIRECTIVE.match(comment.strip())
    directive, reason = (told[1].upper(), told[2]) if told else ("", comment.strip())
    if inner and directive != "SKIP":
        return [((name.strip(), *names), result) for names, result in inner]
    outcome = _outcome(match[1] == "ok", directive)
    return [((name.strip(),), Result(number, "", outcome, directive, naming.plain(reason)))]


def _outcome(is_ok: bool, directive: str) -> str:
    if directive == "SKIP":
        return "skipped"
    if directive in ("TIMEOUT", "ERROR"):
        return "error"
    return "passed" if is_ok and directive != "XFAIL" else "failed"
