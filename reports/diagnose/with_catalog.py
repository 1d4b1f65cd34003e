"""A text to its diagnosis, joined with what the catalog knows of each candidate and of that kernel.

Nothing is stored. A stranger's diagnosis knows no drafts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from catalog.documents.signatures import signatures
from catalog.measured.asked.affected import Judged, judge
from catalog.models import Case
from diagnosis.answers.advice import now_for
from diagnosis.kernels import releases
from diagnosis.kernels.affected import AFFECTED, NOT_AFFECTED, UNKNOWN
from diagnosis.rules.verdict import Candidate, Diagnosis, Finding
from reports.diagnose import reading, steps
from reports.intake.refusals import too_slow
from rest.bounds import bounded


@dataclass(frozen=True)
class Possible:
    """A candidate with its case, and whether the log's kernel is affected by it; None where the log names none."""

    candidate: Candidate
    case: Case
    answer: Judged | None


@dataclass(frozen=True)
class Found:
    """`steps`: of the case that is proved, with the first finding that proves it."""

    finding: Finding
    candidates: tuple[Possible, ...]
    nr_more: int = 0
    now: str = ""
    steps: steps.Steps | None = None

    @property
    def tells_apart(self) -> bool:
        """Whether the text itself says anything for or against a candidate."""
        return any(one.candidate.support or one.candidate.contradiction for one in self.candidates)

    @property
    def has_equals(self) -> bool:
        """Whether nothing in the text puts some of them above others."""
        return len({one.candidate.rank for one in self.candidates}) < len(self.candidates)


@dataclass(frozen=True)
class Diagnosed:
    """`release`: what the sender says, or what the text says, '' where neither does."""

    told: reading.Told
    found: tuple[Found, ...]
    release: str

    @property
    def diagnosis(self) -> Diagnosis:
        return self.told.diagnosis


MOST_CANDIDATES = 12


def diagnosed(text: str | bytes, user: Any, release: str = "", wanted: str = "") -> Diagnosed:
    """Constant queries: the signatures, the cases, what was measured near that kernel. What to do now stands with the
    first finding that asks for it. `wanted`: see `reading.told`. Raises `Refusal` where it takes too long."""
    cases = {case.slug: case for case in Case.objects.visible_to(user).for_page()}
    known = [one for one in signatures() if one.case in cases]
    try:
        told = bounded.call(reading.told, text, known, release, wanted, nr_bytes=len(text))
    except bounded.TooLong:
        raise too_slow() from None
    made = told.diagnosis
    release = release or made.release
    answers = _answers(release, made, cases)
    found: list[Found] = []
    said = {""}
    for finding in made.findings:
        now = now_for(finding, made.records)
        found.append(_found(finding, cases, answers, "" if now in said else now))
        said.add(now)
    return Diagnosed(told, tuple(_with_steps(found)), release)


def _answers(release: str, made: Diagnosis, cases: dict[str, Case]) -> dict[str, Judged]:
    kernel = releases.read_uname(release)
    if kernel is None:
        return {}
    named = {candidate.case for finding in made.findings for candidate in finding.candidates}
    return {one.case.slug: one for one in judge(kernel, [cases[slug] for slug in sorted(named)])}


def _found(finding: Finding, cases: dict[str, Case], answers: dict[str, Judged], now: str) -> Found:
    possible = [Possible(c, cases[c.case], answers.get(c.case)) for c in finding.candidates]
    possible.sort(key=_rank)
    return Found(finding, tuple(possible[:MOST_CANDIDATES]), max(len(possible) - MOST_CANDIDATES, 0), now)


def _with_steps(found: list[Found]) -> Iterator[Found]:
    """What a proved case's page says to do, once: with the first finding that proves it."""
    shown: set[str] = set()
    for one in found:
        first = one.candidates[0] if one.candidates else None
        if first and first.case.slug not in shown and (made := steps.of(first.candidate, first.case)):
            shown.add(first.case.slug)
            yield replace(one, steps=made)
        else:
            yield one


_BY_KERNEL = {AFFECTED: 0, UNKNOWN: 1, NOT_AFFECTED: 2}


def _rank(one: Possible) -> tuple[int, int]:
    """The rank that the text gives, and among equals whether that kernel is affected; `sort` keeps the rest."""
    verdict = one.answer.answer.verdict if one.answer else UNKNOWN
    return one.candidate.rank, _BY_KERNEL[verdict]
