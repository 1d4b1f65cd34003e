"""Holding a session: its agenda is taken down once, put in order, and noted on while people talk.

CannotBeDone  it cannot be done; the text says why
  Overtaken   somebody else noted on the same case meanwhile; `.point` as it stands now
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import models, transaction
from django.utils import timezone

from catalog.meetings import agenda
from catalog.models import Case, Meeting, Point
from people import journal
from people.models import User


class CannotBeDone(Exception):
    pass


class Overtaken(CannotBeDone):
    def __init__(self, point: Point) -> None:
        self.point = point
        super().__init__("Somebody noted on this case meanwhile. Both texts are below: make one of them.")


@dataclass(frozen=True)
class Notes:
    decided: str
    action: str
    who: str


@transaction.atomic
def begin(title: str, held_on: date, by: User) -> Meeting:
    """A session with all open cases that everybody may see, worst first. Its agenda stays, whatever becomes of them."""
    meeting = Meeting.objects.create(title=title, held_on=held_on, opened_by=by)
    Point.objects.bulk_create(
        Point(meeting=meeting, case=item.case, position=n) for n, item in enumerate(agenda.open_cases(None), start=1)
    )
    journal.record("session.opened", "session", str(meeting.pk), by)
    return meeting


@transaction.atomic
def note(point: Point, by: User, notes: Notes, base: int) -> Point:
    """Writes down what was decided. Raises `Overtaken` where `base` is not the number of changes by now."""
    point = _held(point.meeting).get(pk=point.pk)
    if point.nr_changes != base:
        raise Overtaken(point)
    if (point.decided, point.action, point.who) == (notes.decided, notes.action, notes.who):
        return point
    point.decided, point.action, point.who, point.nr_changes = notes.decided, notes.action, notes.who, base + 1
    point.save(update_fields=["decided", "action", "who", "nr_changes"])
    told = {"decided": notes.decided, "action": notes.action, "who": notes.who}
    journal.record("session.noted", "session", str(point.meeting_id), by, case=point.case.slug, **told)
    return point


@transaction.atomic
def put(point: Point, position: int) -> None:
    """Moves a case to this place on the agenda, from 1; the others close up."""
    points = list(_held(point.meeting).order_by("position"))
    moved = next(p for p in points if p.pk == point.pk)
    points.remove(moved)
    points.insert(max(0, min(position - 1, len(points))), moved)
    _number(points)


@transaction.atomic
def leave_out(point: Point) -> None:
    """Takes a case off the agenda. Raises `CannotBeDone` where something was noted on it."""
    held = _held(point.meeting).get(pk=point.pk)
    if held.is_noted:
        raise CannotBeDone("Something was noted on this case: it stays.")
    held.delete()
    _number(list(point.meeting.points.order_by("position")))


@transaction.atomic
def add(meeting: Meeting, case: Case) -> None:
    """Puts a case at the end of the agenda."""
    last = _held(meeting).order_by("-position").values_list("position", flat=True).first() or 0
    if not meeting.points.filter(case=case).exists():
        Point.objects.create(meeting=meeting, case=case, position=last + 1)


@transaction.atomic
def close(meeting: Meeting, by: User, closed: bool) -> None:
    found = Meeting.objects.select_for_update(no_key=True).get(pk=meeting.pk)
    if closed != (found.closed_at is not None):
        found.closed_at = timezone.now() if closed else None
        found.save(update_fields=["closed_at"])
        journal.record("session.closed" if closed else "session.opened", "session", str(found.pk), by)


def _held(meeting: Meeting) -> models.QuerySet[Point]:
    """The points of a meeting that is not closed, locked by it: one change after another."""
    if Meeting.objects.select_for_update(no_key=True).get(pk=meeting.pk).closed_at:
        raise CannotBeDone("This session is closed. Open it again first.")
    return meeting.points.select_related("case", "meeting")


def _number(points: list[Point]) -> None:
    for n, point in enumerate(points, start=1):
        point.position = n
    Point.objects.bulk_update(points, ["position"])
