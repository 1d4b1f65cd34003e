"""JUnit XML, as most CI systems write it, whatever its tests were: a testsuite of testcases.

    <testsuites><testsuite name="ltp.syscalls"><testcase classname="syscalls" name="move_pages12"><failure/>…

A testcase is called by its suites, class and name. It failed where there is a `failure`, is an error where there is an
`error`, skipped where it is `skipped`, else it passed. What a testcase that did not pass printed is read as a console's
text. defusedxml refuses what makes XML dangerous: DTDs, entities, references to elsewhere. JUnit carries no control.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from diagnosis.formats import kernel_log
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Format, Given
from diagnosis.matching import naming
from diagnosis.matching.observation import Context, Observation

MAX_TESTS = 5_000
MAX_DEPTH = 20
MAX_PRINTED = 64 << 10
_OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}
_PRINTED = ("system-out", "system-err", "failure", "error")


@dataclass
class Testcase:
    """One testcase; `printed` of one that did not pass."""

    name: str
    seen_at: str = ""
    outcome: str = "passed"
    printed: list[str] = field(default_factory=list)


def results(body: bytes) -> list[Testcase]:
    """Every testcase, in order. Raises `Unreadable`."""
    made: list[Testcase] = []
    path: list[Element] = []
    suites: list[str] = []
    times: list[str] = []
    try:
        for event, element in iterparse(io.BytesIO(body), events=("start", "end"), forbid_dtd=True):
            tag = _tag(element)
            if event == "start":
                if not path and tag not in ("testsuites", "testsuite"):
                    raise _not_junit("a testsuite, or testsuites", tag[:60])
                path.append(element)
                if len(path) > MAX_DEPTH or len(made) > MAX_TESTS:
                    raise _not_junit(f"up to {MAX_TESTS} testcases, elements nested up to {MAX_DEPTH} deep", "more")
                if tag == "testsuite":
                    suites.append(element.get("name", ""))
                    times.append(element.get("timestamp", ""))
                continue
            path.pop()
            if tag == "testsuite":
                suites.pop()
                times.pop()
            elif tag == "testcase":
                made.append(_testcase(element, suites, times[-1] if times else ""))
            if tag in ("testsuite", "testcase"):
                element.clear()  # what was read takes no room any more
    except ParseError as error:
        line, column = error.position
        raise Unreadable("not-junit", [Fault(f"{line}:{column + 1}", "XML", str(error)[:100])]) from None
    except DefusedXmlException as error:
        raise _not_junit("XML without DTD, entities or references to elsewhere", type(error).__name__) from None
    except (LookupError, ValueError) as error:  # an encoding that is not known, or not read
        raise _not_junit("XML in UTF-8 or another known encoding", str(error)[:100]) from None
    if not made:
        raise _not_junit("at least one testcase", "none")
    return made


def _not_junit(expected: str, found: str) -> Unreadable:
    return Unreadable("not-junit", [Fault("", expected, found)])


def _tag(element: Element) -> str:
    """Without a namespace, which some writers add."""
    return str(element.tag).rpartition("}")[2]


def _testcase(element: Element, suites: list[str], timestamp: str) -> Testcase:
    names = [*suites, element.get("classname", ""), element.get("name", "")]
    parts = [name for at, name in enumerate(names) if name and (not at or name != names[at - 1])]
    made = Testcase(naming.path([naming.visible(part[:400]) for part in parts]), element.get("timestamp", timestamp))
    for child in element:
        made.outcome = _OUTCOMES.get(_tag(child), made.outcome)
    if made.outcome in ("failed", "error"):
        for child in element:
            if _tag(child) in _PRINTED:
                made.printed += [child.get("message", "")[:MAX_PRINTED], (child.text or "")[:MAX_PRINTED]]
    return made


def observations(body: bytes, given: Given) -> list[Observation]:
    context = Context(given.kernel, given.label, given.architecture, given.environment)
    made = []
    for number, one in enumerate(results(body), start=1):
        made.append(_observation(number, one, context))
        read = kernel_log.observations("\n".join(one.printed), context) if one.printed else []
        made += [replace(log, key=f"testcase:{number}/{log.key}", seen_at=one.seen_at) for log in read]
    return made


def _observation(number: int, one: Testcase, context: Context) -> Observation:
    said: dict[str, Any] = {"mover": "", "migrate_mode": "", "area": "", "freed_seconds": None}
    return Observation(
        key=f"testcase:{number}",
        kind="test",
        names=one.name,
        release=context.release,
        label=context.label,
        architecture=context.architecture,
        environment=context.environment,
        outcome=one.outcome,
        fingerprint=hashlib.sha256(f"{one.name}/{one.outcome}".encode()).hexdigest()[:16],
        seen_at=one.seen_at,
        **said,
    )


def _check(body: bytes, given: Given) -> str:
    """Checks that it is JUnit's. It carries no run id."""
    results(body)
    return ""


FORMAT = Format(
    name="junit",
    title="JUnit XML",
    media_types=("application/junit+xml", "application/xml", "text/xml"),
    suffix=".xml",
    needs=("kernel", "architecture"),
    check=_check,
    observations=observations,
)
