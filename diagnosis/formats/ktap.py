"""KTAP, version 1, as kselftest and KUnit print it, and TAP 13 and 14, which kselftest printed before.

    KTAP version 1
    1..2
      KTAP version 1          nested: by two or more spaces (KUnit, KTAP) or by `# ` (kselftest's runner)
      1..1
      ok 1 private_anon
    ok 1 selftests: mm: migration
    not ok 2 selftests: mm: cow # SKIP needs two nodes

Stamps, quoting and the like are taken off (diagnosis.text.unwrap). What is neither a result, a plan nor a version is
passed over, since tests print as they like; but for the line with which a runner announces a test, by which a run that
a panic or a timeout cut keeps the names of what it was in. A result whose own subtests were printed says nothing beyond
them and is left out; of a plan that was not kept, what is missing is one `error`. KTAP carries no control and no run
id: a test that passed or failed is shown, and stays out of every denominator.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Tuple

from diagnosis.formats import kernel_log
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import naming
from diagnosis.matching.observation import Context, Observation
from diagnosis.text import decode, log_lines, unwrap

MAX_RESULTS = 5_000
MAX_DEPTH = 12
MAX_LINE = 2_000
# A line that says something begins so; `#` and blanks before it are how deep it is nested.
_SAYS = r"(?:K?TAP version |1\.\.\d|ok\b|not ok\b|# Subtest: |selftests: |running \S)"
_NEST = re.compile(r"[ \t#]*?(?=%s)" % _SAYS)
_MAY_SAY = re.compile(r"TAP version |1\.\.\d|\bok\b|# Subtest: |selftests: |running \S")
_SUBTEST = re.compile(r"# Subtest: +(.{1,200})")
_RUNNER = re.compile(r"(selftests: .{1,200})")
# run_vmtests.sh of kselftest's mm, which says no more than this of itself.
_VMTESTS = re.compile(r"running (?:bash )?\./(.{1,200})")
VMTESTS = "mm: run_vmtests.sh"
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
    name: str = ""
    planned: Optional[int] = None
    came: int = 0
    found: _Found = field(default_factory=list)

    def finished(self, line: int, nr_begun: int = 0) -> _Found:
        """What was found, and one `error` where fewer came, or had begun, than were planned."""
        if self.planned is None or self.came + nr_begun >= self.planned:
            return self.found
        reason = "%d of %d planned results came" % (self.came, self.planned)
        return [*self.found, ((), Result(line, "", "error", "", reason))]


def results(body: bytes) -> List[Result]:
    """Every result that has no results below it, in the order of lines. Raises `Unreadable`."""
    levels, announced, number = _levels(body)
    if not levels:
        raise Unreadable("not-ktap", [Fault("1:1", "a line such as: KTAP version 1", "no such line")])
    found = _cut(levels, announced, number)
    if not found:
        raise Unreadable("not-ktap", [Fault("%d:1" % number, "at least one result", "none")])
    if len(found) > MAX_RESULTS:  # each level of each test may lack results that were planned
        raise _too_much(number)
    return [replace(one, name=naming.path(names)) for names, one in found]


def is_in(body: bytes) -> bool:
    """Whether there is a line that begins KTAP, which then holds at least something of the kind."""
    return b"TAP version " in body and bool(_levels(body)[0])


def _levels(body: bytes) -> Tuple[List[_Level], Dict[int, str], int]:
    """The levels that are open where the text ends, outermost first; tests that were announced and are not among these,
    by indentation; and the number of the last line."""
    levels: List[_Level] = []
    announced: Dict[int, str] = {}
    number, nr_results = 0, 0
    for number, indent, text in _lines(body):
        plan, result = _PLAN.match(text), _RESULT.match(text)
        if not (plan or result or _VERSION.match(text)):
            _announce(text, indent, levels, announced)
            continue
        if not levels and not _VERSION.match(text):
            continue
        inner: _Found = []
        while result and levels and levels[-1].indent > indent:
            inner = levels.pop().finished(number) + inner  # a result ends what is nested below it
        if not levels or levels[-1].indent < indent:
            levels.append(_Level(indent, announced.pop(indent, "")))
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
    return levels, announced, number


def _announce(text: str, indent: int, levels: List[_Level], announced: Dict[int, str]) -> None:
    """A runner says which test's output comes next, at the depth of that output; KUnit also after its first line."""
    vmtest = _VMTESTS.match(text)
    found = _SUBTEST.match(text) or _RUNNER.match(text) or vmtest
    if found is None:
        return
    if vmtest:
        announced.setdefault(indent - len("# "), VMTESTS)
    if not vmtest and levels and levels[-1].indent == indent and not levels[-1].came:
        levels[-1].name = levels[-1].name or found[1]
    elif len(announced) < MAX_DEPTH or indent in announced:
        announced[indent] = found[1]


def _cut(levels: List[_Level], announced: Dict[int, str], line: int) -> _Found:
    """What the levels that never ended hold: each inside the one before it, under the name that was announced."""
    around = [announced[indent] for indent in sorted(announced) if indent < levels[0].indent]
    made: _Found = []
    for level in reversed(levels):
        made = level.finished(line, nr_begun=1 if made and level is not levels[-1] else 0) + made
        if level.name:
            made = [((level.name, *names), one) for names, one in made]
    return [((*around, *names), one) for names, one in made] if around else made


def _too_much(line: int) -> Unreadable:
    most = "up to %d results, nested up to %d deep" % (MAX_RESULTS, MAX_DEPTH)
    return Unreadable("not-ktap", [Fault("%d:1" % line, most, "more")])


def observations(body: bytes, given: Given) -> List[Observation]:
    """Its results, and what the kernel's log between them shows."""
    context = Context(given.kernel, given.label, given.architecture, given.environment)
    return tests(results(body), given) + kernel_log.observations(body, context)


def tests(found: List[Result], given: Given) -> List[Observation]:
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
    """Number from 1, indentation and text of each line that may say something, undressed, and of the last one."""
    text = decode.decode(body)
    last = text.count("\n") + 1
    number = 0
    for number, line in _undressed(text):
        nest = _NEST.match(line)
        indent = nest.end() if nest else 0
        yield number, indent, line[indent:].rstrip()
    if number != last:
        yield last, 0, ""


def _undressed(text: str) -> Iterator[Tuple[int, str]]:
    """Only where a word of KTAP stands: most of a console's log is something else."""
    if unwrap.dress(text).is_plain:
        for number, line in enumerate(text.split("\n"), 1):
            line = line[:MAX_LINE]
            if _MAY_SAY.search(line):
                yield number, line if _NEST.match(line) else unwrap.unstamped(unwrap.whole(number, line)).text
        return
    for piece in log_lines.undressed(text, MAX_LINE):
        if _MAY_SAY.search(piece.text):
            yield piece.number, unwrap.unstamped(piece).text


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
