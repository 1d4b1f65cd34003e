"""Observations that no case explains, grouped by what they look like, and what an editor says of a group.

What withdrawn machines sent does not count, and a group of which nothing else is left is in no list; it comes back with
the machine. Every ruling can be taken back: what it changed is worked out again from the stored bytes.
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
from people.models import Machine, Standing, User
from reports.models import LikenessLine, Observation, Ruling
from reports.worker import requeue


class AlreadyRuled(Exception):
    """Somebody ruled on this fingerprint meanwhile; `ruling` stands."""

    def __init__(self, ruling: Ruling) -> None:
        self.ruling = ruling
        super().__init__(f"{ruling.person.shown_name} has ruled on it already")


MOST_COUNTED = 2_000


@dataclass(frozen=True)
class Group:
    """What looks alike: how often, on how many machines, when last, and one of them to look at.

    `nr_withdrawn`: how many more there are that do not count, where that was looked for.
    """

    fingerprint: str
    nr_observations: int
    nr_machines: int
    last_seen_at: datetime
    sample: Observation
    ruling: Ruling | None = None
    nr_withdrawn: int = 0


def groups() -> QuerySet[LikenessLine, Any]:
    """The unmatched ones without a ruling, most machines first, then the most recent. For `with_samples`."""
    whose = Concat("fingerprint", Value(" "), Cast("machine_id", TextField()), output_field=TextField())
    withdrawn = Machine.objects.filter(standing=Standing.WITHDRAWN).values("pk")
    lines = LikenessLine.objects.exclude(machine_id__in=withdrawn).annotate(whose=whose).order_by()
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


def with_samples(rows: list[dict[str, Any]]) -> list[Group]:
    """These rows of `groups`, each with its latest observation. Two queries."""
    latest = _latest([row["fingerprint"] for row in rows])
    return [Group(**row, sample=latest[row["fingerprint"]]) for row in rows if row["fingerprint"] in latest]


def group(fingerprint: str, user: Any) -> Group | None:
    """The newest MOST_COUNTED that look like this, matched or not, with the ruling on it; None where nothing does."""
    sample = _latest([fingerprint]).get(fingerprint)
    if sample is None:
        return None
    alike = Observation.objects.filter(fingerprint=fingerprint).order_by("-pk")[:MOST_COUNTED]
    seen = alike.values_list("report__machine", "report__received_at", "report__machine__standing")
    counted = [(pk, at) for pk, at, standing in seen if standing != Standing.WITHDRAWN]
    last_seen_at = max((at for _, at in counted), default=sample.report.received_at)
    ruling = ruled(user).filter(fingerprint=fingerprint).first()
    nr_machines = len({pk for pk, _ in counted})
    return Group(fingerprint, len(counted), nr_machines, last_seen_at, sample, ruling, len(seen) - len(counted))


# The newest of each by one step down an index: DISTINCT ON would read all that look alike. Of a machine that counts,
# unless a withdrawn one sent so many since that looking for it would take long.
_LATEST = """
SELECT coalesce(
    (SELECT s.id
     FROM (SELECT id, report_id FROM reports_observation o
           WHERE o.fingerprint = x.fingerprint ORDER BY id DESC LIMIT %s) s
     JOIN reports_report r ON r.id = s.report_id JOIN people_machine m ON m.id = r.machine_id
     WHERE m.standing <> %s ORDER BY s.id DESC LIMIT 1),
    (SELECT id FROM reports_observation o WHERE o.fingerprint = x.fingerprint ORDER BY id DESC LIMIT 1))
FROM unnest(%s::text[]) AS x(fingerprint)
"""


def _latest(fingerprints: list[str]) -> dict[str, Observation]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [MOST_COUNTED, Standing.WITHDRAWN, fingerprints])
        ids = [row[0] for row in cursor.fetchall() if row[0] is not None]
    found = Observation.objects.select_related("build", "report").in_bulk(ids)
    return {one.fingerprint: one for one in found.values()}


@transaction.atomic
def rule(fingerprint: str, person: User, case: Case | None = None, note: str = "") -> Ruling:
    """Rules that observations with this fingerprint are evidence of `case`, or noise where it is None.

    Raises `AlreadyRuled`: the earlier ruling has to be taken back first.
    """
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
    ruling = Ruling.objects.select_for_update(no_key=True, of=("self",)).filter(fingerprint=fingerprint).first()
    if ruling is None:
        return False
    ruling.delete()
    if ruling.word == Ruling.Word.CASE:
        _again(fingerprint, person)
    journal.record("observations.unruled", "fingerprint", fingerprint, person, word=ruling.word)
    return True


def _again(fingerprint: str, person: User) -> None:
    requeue.ask(requeue.Chosen(fingerprint=fingerprint), person, f"rule {fingerprint}")
