"""A diagnosis as plain text: what curl, `manage.py diagnose` and `probe.pyz diagnose` show."""

from __future__ import annotations

import re
import textwrap
from typing import Dict, Iterable, Iterator, List

from diagnosis.rules.verdict import Candidate, Command, Diagnosis, Finding, Reason
from diagnosis.text.record import KINDS, Place
from diagnosis.words.vocabulary import COMMANDS, MANNERS, MECHANISMS, MOVERS, look_up

WIDTH = 100
MAX_SHOWN = 12
MAX_QUOTED = 120
# What could move a terminal's cursor or turn its text round.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(diagnosis: Diagnosis) -> str:
    """The whole diagnosis, ending in a line feed. Lines of the user's text are quoted with control characters out."""
    quoted = diagnosis.text.split("\n")
    out: List[str] = [*_wrapped(diagnosis.summary)]
    nr_more = len(diagnosis.findings) - 1
    if nr_more > 0:
        out.append("That is not all: %d more %s below." % (nr_more, "finding" if nr_more == 1 else "findings"))
    if diagnosis.release:
        out.append("Kernel: " + diagnosis.release)
    elif len(diagnosis.releases) > 1:
        told = "Several kernels, each read by its own meaning: %s." % ", ".join(diagnosis.releases[:MAX_SHOWN])
        out += _wrapped(told)
    if diagnosis.is_cut:
        out.append("The text was too long to be read whole.")
    for finding in diagnosis.findings[:MAX_SHOWN]:
        out += ["", *_finding(finding, diagnosis, quoted)]
    if len(diagnosis.findings) > MAX_SHOWN:
        out += ["", "And %d more findings." % (len(diagnosis.findings) - MAX_SHOWN)]
    out += _listed("What to do now", (line for reason in diagnosis.now for line in _wrapped(reason.text, "- ")))
    out += _listed("What to capture next", (line for command in diagnosis.capture for line in _command(command, "- ")))
    return _UNSAFE.sub("?", "\n".join(out)) + "\n"


def _finding(finding: Finding, diagnosis: Diagnosis, quoted: List[str]) -> Iterator[str]:
    verdict = finding.verdict
    name = look_up(MECHANISMS, verdict.mechanism).label if verdict.mechanism else verdict.heading
    how_sure = (
        " (a look-alike, no such case)" if verdict.is_look_alike else ", proved" if verdict.proved else ", not proved"
    )
    yield "== %s%s" % (name, how_sure if verdict.mechanism or verdict.is_look_alike else "")
    yield from _wrapped(verdict.sentence)
    kind = KINDS[diagnosis.records[finding.records[0]].kind]
    first = diagnosis.records[finding.records[0]].lines
    seen = "%s, line %d" % (kind, first[0])
    yield seen + (", and %d more like it" % (len(finding.records) - 1) if len(finding.records) > 1 else "")
    if verdict.manner:
        mover = " (%s)" % look_up(MOVERS, verdict.mover).label if verdict.mover else ""
        manner = look_up(MANNERS, verdict.manner)
        yield "Manner%s: %s. %s" % (mover, manner.label, manner.meaning)
    for reason in verdict.reasons:
        yield from _reason(reason, quoted, "  - ")
    for gap in verdict.unknown:
        yield from _wrapped(gap, "  ? ")
    for source in verdict.sources:
        yield "  kernel source: %s, %s (%s)" % (source.file, source.function, source.kernels)
    if finding.candidates:
        is_tied = len({candidate.rank for candidate in finding.candidates}) < len(finding.candidates)
        tied = " (of those with one number nothing in the text puts any above the other)" if is_tied else ""
        yield "Candidates for the holder%s:" % tied
        for candidate in finding.candidates:
            yield from _candidate(candidate.rank, candidate, quoted)


def _candidate(number: int, candidate: Candidate, quoted: List[str]) -> Iterator[str]:
    mark = (
        " (proved)"
        if candidate.is_proved
        else ""
        if candidate.kind == "case"
        else " (%s)" % candidate.kind.replace("_", "-")
    )
    yield "  %d. %s: %s%s" % (number, candidate.case, candidate.title, mark)
    for reason in candidate.support:
        yield from _reason(reason, quoted, "     + ")
    for reason in candidate.contradiction:
        yield from _reason(reason, quoted, "     - ")
    for command in candidate.tell:
        yield from _command(command, "     tell: ")


def _reason(reason: Reason, quoted: List[str], lead: str) -> Iterator[str]:
    yield from _wrapped(reason.text, lead)
    for place in _first_of_each_line(reason.places):
        if 0 < place.line <= len(quoted):
            text = quoted[place.line - 1]
            yield "%s%d:%d: %s" % (" " * len(lead), place.line, place.column, _around(text, place))


def _first_of_each_line(places: Iterable[Place]) -> List[Place]:
    seen: Dict[int, Place] = {}
    for place in places:
        seen.setdefault(place.line, place)
    return list(seen.values())[:3]


def _around(text: str, place: Place) -> str:
    if len(text) <= MAX_QUOTED:
        return text.strip()
    start = max(place.column - 1 - MAX_QUOTED // 3, 0)
    return ("…" if start else "") + text[start : start + MAX_QUOTED].strip() + "…"


def _command(command: Command, lead: str) -> Iterator[str]:
    first, *rest = command.run.rstrip().split("\n")
    yield lead + first
    for line in rest:
        yield " " * len(lead) + line
    mark = "" if command.does == "reads" else "(It %s.) " % look_up(COMMANDS, command.does).label
    yield from _wrapped(mark + command.tells, " " * len(lead))


def _listed(title: str, lines: Iterable[str]) -> List[str]:
    made = list(lines)
    return ["", "== " + title, *made] if made else []


def _wrapped(text: str, lead: str = "") -> List[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)) or [lead]
