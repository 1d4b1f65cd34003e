"""A case's signature changed on trial: what it would newly match and no longer match in what is stored.

Dry runs read observations, not reports; what a text's observation showed is kept with it as marks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Q

from catalog.documents import parser
from catalog.documents.known_signatures import signature_of
from catalog.documents.schema import CaseText
from catalog.models import Case
from catalog.models.text import Origin
from catalog.revisions import store
from diagnosis.matching import match
from diagnosis.matching.observation import Observation as Said
from people import journal
from people.models import User
from reports.models import Judgment, Observation, Report, State, Turn
from reports.worker import requeue
from reports.worker.known_signatures import known_signatures

NEWEST = 20_000
SHOWN = 50


@dataclass(frozen=True)
class Change:
    """One observation on which the two signatures differ. `judgment`: what a person said of it for this case."""

    row: Observation
    rule: str
    reason: str
    judgment: Judgment | None


@dataclass(frozen=True)
class Trial:
    """`newly`, `no_longer`: at most SHOWN of each. `conflicts`: those that go against a person's judgment."""

    nr_tried: int
    nr_stored: int
    nr_newly: int
    nr_no_longer: int
    newly: tuple[Change, ...]
    no_longer: tuple[Change, ...]
    conflicts: tuple[Change, ...]
    report_ids: frozenset[Any]


def block_of(text: str) -> str:
    """The lines of the head that say the signature, '' where it says none."""
    start, end = _span(text.split("\n"))
    return "\n".join(text.split("\n")[start:end])


def with_block(text: str, block: str) -> str:
    """The text with another signature. An empty block takes it out."""
    lines = text.split("\n")
    start, end = _span(lines)
    mine = block.replace("\r\n", "\n").strip("\n")
    return "\n".join([*lines[:start], *([mine] if mine.strip() else []), *lines[end:]])


def told(problems: Iterable[parser.Problem], text: str, block: str) -> list[str]:
    """What is wrong with `text` under another signature, its lines counted as in the block where they are of it."""
    start, _ = _span(text.split("\n"))
    nr_lines = len(block.replace("\r\n", "\n").strip("\n").split("\n"))
    return [
        str(replace(problem, line=min(problem.line - start, nr_lines)))
        if start < problem.line <= start + nr_lines + 1  # what does not end is noticed on the line after it
        else f"elsewhere in the text, {problem}"
        for problem in problems
    ]


def _span(lines: list[str]) -> tuple[int, int]:
    """Where the signature stands in the head: first line and the one after its last; before the fence if nowhere."""
    fence = next((n for n, line in enumerate(lines) if n and line.rstrip() == parser.FENCE), len(lines))
    start = next((n for n in range(1, fence) if lines[n].startswith("signature:")), fence)
    if start == fence:
        return fence, fence
    end = start + 1
    while end < fence and (not lines[end].strip() or lines[end][0] in " -#"):
        end += 1
    return start, end


def trial(case: Case, text: str) -> Trial:
    """What changes if `text` were the case's. Raises `document.Malformed`. Reads the NEWEST observations."""
    parsed = parser.parse(text)
    if not isinstance(parsed, CaseText) or parsed.case != case.slug:
        raise parser.Malformed([parser.Problem(2, "case", f"expected {case.slug}")])
    # None of a hidden proposal, which recognises nothing until it is published.
    nothing = match.Signature(case.slug, frozenset())
    old = next((one for one in known_signatures() if one.case == case.slug), nothing)
    new = replace(signature_of(parsed), fingerprints=old.fingerprints)
    newly, no_longer = [], []
    rows = list(_rows(old, new))
    for row in rows:
        before, after = _matches(row, old), _matches(row, new)
        if after and not before:
            newly.append((row, after))
        elif before and not after:
            no_longer.append((row, before))
    judgments = _judgments(case, [row for row, _ in newly + no_longer])
    gained, lost = _changes(newly, judgments), _changes(no_longer, judgments)
    against = [change for change in gained if change.judgment and not change.judgment.stands]
    against += [change for change in lost if change.judgment and change.judgment.stands]
    return Trial(
        *(len(rows), Observation.objects.filter(_may_differ(old, new)).count(), len(gained), len(lost)),
        *(tuple(gained[:SHOWN]), tuple(lost[:SHOWN]), tuple(against[:SHOWN])),
        frozenset(change.row.report_id for change in gained + lost),
    )


def _may_differ(old: match.Signature, new: match.Signature) -> Q:
    """What a change of proofs or of names can bear on: texts; what names a test, or another case."""
    texts = Q(kind="log") if old.proves != new.proves else Q(pk__in=())
    named = ~Q(names__in=("", old.case)) if old.names != new.names else Q(pk__in=())
    return texts | named


def _rows(old: match.Signature, new: match.Signature) -> Iterable[Observation]:
    found = Observation.objects.filter(_may_differ(old, new)).select_related("build", "report")
    return found.order_by("-pk")[:NEWEST]


def _matches(row: Observation, signature: match.Signature) -> match.Match | None:
    found = match.match(_said(row), [signature])
    return found[0] if found else None


def _said(row: Observation) -> Said:
    """The observation as it was read: what rules look at."""
    return Said(
        *(row.key, row.kind, row.names, row.build.release, row.build.label, row.architecture, row.mover),
        *(row.migrate_mode, row.area, row.environment, row.outcome, row.freed_seconds, row.fingerprint),
        marks=tuple(row.marks),
        says=row.says,
    )


def _judgments(case: Case, rows: list[Observation]) -> dict[tuple[Any, str], Judgment]:
    said = Judgment.objects.filter(case=case, report__in={row.report_id for row in rows}).select_related("person")
    return {(judgment.report_id, judgment.key): judgment for judgment in said}


def _changes(found: list[tuple[Observation, match.Match]], judgments: dict[tuple[Any, str], Judgment]) -> list[Change]:
    return [Change(row, m.rule, m.reason, judgments.get((row.report_id, row.key))) for row, m in found]


@transaction.atomic
def activate(case: Case, text: str, base: int, person: User) -> int:
    """Saves the text as a revision and has read again whatever it changes. Returns how many reports.

    Raises `document.Malformed` and `revisions.Conflict`.
    """
    tried = trial(case, text)
    store.save(text, origin=Origin.SITE, author=person, base=base, of=case.document, note="signature")
    stale = requeue.Chosen(case=case.pk, reports=tuple(map(str, tried.report_ids)))
    nr = requeue.ask(stale, person, f"signature {case.slug}")
    journal.record("signature.activated", "case", case.slug, person, nr_reports=nr)
    return nr


def being_read_again() -> int:
    """How many replayed reports still wait, and how many are to follow: the progress of a rematch."""
    waiting = Report.objects.filter(state__in=(State.RECEIVED, State.INGESTING), turn=Turn.REPLAYED).count()
    return waiting + requeue.nr_left_of_all()
