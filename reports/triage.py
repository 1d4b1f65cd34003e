"""Observations that no case explains, grouped by what they look like, and what an editor says of a group.

Every ruling can be taken back: what it changed is worked out again from the stored bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Concat

from catalog.models import Case
from people import journal
from people.models import User
from reports import replay
from reports.models import LikenessLine, Observation, Report, Ruling


class AlreadyRuled(Exception):
    """Somebody ruled on this fingerprint meanwhile; `ruling` stands."""

    def __init__(self, ruling: Ruling) -> None:
        self.ruling = ruling
        super().__init__(f"{ruling.person.shown_name} has ruled on it already")


MOST_COUNTED = 2_000


@dataclass(frozen=True)
class Group:
    """What looks alike: how often, on how many machines, when last, and one of them to look at."""

    fingerprint: str
    nr_observations: int
    nr_machines: int
    last_seen_at: datetime
    sample: Observation
    ruling: Ruling | None = None


def groups() -> QuerySet[LikenessLine, dict[str, Any]]:
    """The unmatched ones without a ruling, most machines first, then the most recent. For a Paginator; see `shown`."""
    whose = Concat("fingerprint", Value(" "), Cast("machine_id", TextField()), output_field=TextField())
    lines = LikenessLine.objects.annotate(whose=whose).order_by()
    left = lines.values("whose").annotate(Sum("number")).filter(number__sum__gt=0)  # not erased, not matched since
    lines = lines.filter(whose__in=left.values("whose")).exclude(fingerprint__in=Ruling.objects.values("fingerprint"))
    alike = (
        lines.order_by()
        .values("fingerprint")
        .annotate(
            nr_observations=Sum("number"),
            nr_machines=Count("machine_id", distinct=True),
            last_seen_at=Max("seen_at"),
        )
    )
    return alike.filter(nr_observations__gt=0).order_by("-nr_machines", "-last_seen_at", "fingerprint")


def ruled(user: Any) -> QuerySet[Ruling]:
    return Ruling.objects.visible_to(user).select_related("case", "person").order_by("-at")


def shown(rows: list[dict[str, Any]]) -> list[Group]:
    """These rows of `groups`, each with its latest observation. Two queries."""
    latest = _latest([row["fingerprint"] for row in rows])
    return [Group(**row, sample=latest[row["fingerprint"]]) for row in rows if row["fingerprint"] in latest]


def group(fingerprint: str, user: Any) -> Group | None:
    """The newest MOST_COUNTED that look like this, matched or not, with the ruling on it; None where nothing does."""
    sample = _latest([fingerprint]).get(fingerprint)
    if sample is None:
        return None
    alike = Observation.objects.filter(fingerprint=fingerprint).order_by("-pk")[:MOST_COUNTED]
    seen = alike.values_list("report__machine", "report__received_at")
    ruling = ruled(user).filter(fingerprint=fingerprint).first()
    return Group(fingerprint, len(seen), len({pk for pk, _ in seen}), max(at for _, at in seen), sample, ruling)


# The newest of each by one step down an index: DISTINCT ON would read all that look alike.
_LATEST = """
SELECT (SELECT id FROM reports_observation o WHERE o.fingerprint = x.fingerprint ORDER BY id DESC LIMIT 1)
FROM unnest(%s::text[]) AS x(fingerprint)
"""


def _latest(fingerprints: list[str]) -> dict[str, Observation]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [fingerprints])
        ids = [row[0] for row in cursor.fetchall() if row[0] is not None]
    found = Observation.objects.select_related("build", "report").in_bulk(ids)
    return {one.fingerprint: one for one in found.values()}


@transaction.atomic
def rule(fingerprint: str, person: User, case: Case | None = None, note: str = "") -> Ruling:
    """They are `case`, or noise where that is None. Raises `AlreadyRuled`; take the other back first."""
    word = Ruling.Word.CASE if case else Ruling.Word.NOISE
    ruling, is_new = Ruling.objects.get_or_create(
        fingerprint=fingerprint, defaults={"word": word, "case": case, "note": note, "person": person}
    )
    if not is_new:
        raise AlreadyRuled(ruling)
    if case:
        _again(fingerprint, person)
    journal.record("observations.ruled", "fingerprint", fingerprint, person, word=word, case=case.slug if case else "")
    return ruling


@transaction.atomic
def unrule(fingerprint: str, person: User) -> bool:
    """Takes a ruling back, and with it the evidence that it made. False where there is none."""
    ruling = Ruling.objects.select_for_update(of=("self",)).filter(fingerprint=fingerprint).first()
    if ruling is None:
        return False
    ruling.delete()
    if ruling.word == Ruling.Word.CASE:
        _again(fingerprint, person)
    journal.record("observations.unruled", "fingerprint", fingerprint, person, word=ruling.word)
    return True


def _again(fingerprint: str, person: User) -> None:
    replay.again(Report.objects.filter(observations__fingerprint=fingerprint).distinct(), person, f"rule {fingerprint}")
