"""Observations that no case explains, grouped by what they look like, and what an editor says of a group.

Every ruling can be taken back: what it changed is worked out again from the stored bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet

from catalog.models import Case
from people import journal
from people.models import User
from reports import replay
from reports.models import Observation, Report, Ruling


class AlreadyRuled(Exception):
    """Somebody ruled on this fingerprint meanwhile; `ruling` stands."""

    def __init__(self, ruling: Ruling) -> None:
        self.ruling = ruling
        super().__init__(f"{ruling.person.shown_name} has ruled on it already")


@dataclass(frozen=True)
class Group:
    """What looks alike: how often, on how many machines, when last, and one of them to look at."""

    fingerprint: str
    nr_observations: int
    nr_machines: int
    last_seen_at: datetime
    sample: Observation
    ruling: Ruling | None = None


def groups() -> QuerySet[Observation, dict[str, Any]]:
    """The unmatched ones without a ruling, most machines first, then the most recent. For a Paginator; see `shown`."""
    ruled = Ruling.objects.values("fingerprint")
    return _grouped(Observation.objects.filter(is_matched=False).exclude(fingerprint__in=ruled)).order_by(
        "-nr_machines", "-last_seen_at", "fingerprint"
    )


def ruled(user: Any) -> QuerySet[Ruling]:
    return Ruling.objects.visible_to(user).select_related("case", "person").order_by("-at")


def shown(rows: list[dict[str, Any]]) -> list[Group]:
    """These rows of `groups`, each with a sample. One query."""
    samples = Observation.objects.select_related("build", "report").in_bulk([row["sample"] for row in rows])
    return [Group(**{**row, "sample": samples[row["sample"]]}) for row in rows if row["sample"] in samples]


def group(fingerprint: str, user: Any) -> Group | None:
    """All that looks like this, matched or not, with the ruling on it; None where nothing does."""
    found = shown(list(_grouped(Observation.objects.filter(fingerprint=fingerprint))))
    if not found:
        return None
    one = found[0]
    ruling = ruled(user).filter(fingerprint=fingerprint).first()
    return Group(one.fingerprint, one.nr_observations, one.nr_machines, one.last_seen_at, one.sample, ruling)


def _grouped(observations: QuerySet[Observation]) -> QuerySet[Observation, dict[str, Any]]:
    return observations.values("fingerprint").annotate(
        nr_observations=Count("id"),
        nr_machines=Count("report__machine", distinct=True),
        last_seen_at=Max("report__received_at"),
        sample=Min("id"),
    )


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
