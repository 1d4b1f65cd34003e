"""Lines of the journal become rows of the outbox: one for each follower and matter, slice by slice.

The line itself is written in the transaction of what happened. Each slice is a transaction with the place that was
reached: a worker that dies has told of whole slices, and the next one goes on behind them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import groupby

from django.db import DatabaseError, transaction
from django.utils import timezone

from mailing.follows import subjects
from mailing.letters import telling
from mailing.letters.making import digest_due
from mailing.letters.telling import Matter
from mailing.models import Cadence, Follow, Kind, Notice, Reader
from people import journal_cursor
from people.models import Event, User

log = logging.getLogger(__name__)
EVENTS_AT_ONCE = 200
FOLLOWS_AT_ONCE = 1_000
_ORDER = (Cadence.AT_ONCE, Cadence.DAILY, Cadence.WEEKLY)


def note_all() -> int:
    """Reads the journal on. Returns how many were to be told."""
    journal_cursor.give_places()
    made = 0
    while (count := _note_some()) is not None:
        made += count
    return made


@transaction.atomic
def _note_some() -> int | None:
    """One slice of followers of the next line that anybody is told of; None where nothing is left."""
    reader = _reader()
    found = list(journal_cursor.after(Event.objects.all(), reader.place)[:EVENTS_AT_ONCE])
    if not found:
        return None
    told = set(telling.verbs())
    made = 0
    for event in found:
        matter = _matter(event) if event.verb in told else None
        if matter is not None:
            count, last = _slice(event, matter, reader.after_user)
            made += count
            if last:
                reader.after_user = last
                break
        reader.place, reader.after_user = event.place or 0, 0
        if made >= FOLLOWS_AT_ONCE:
            break
    reader.save(update_fields=["place", "after_user"])
    return made


def _matter(event: Event) -> Matter | None:
    """A line that cannot be told of holds up none of those behind it."""
    try:
        with transaction.atomic():
            return telling.matter(event)
    except DatabaseError:
        raise
    except Exception:
        log.exception("nobody can be told of event %d", event.pk)
        return None


def _reader() -> Reader:
    """Locked. On a site that was there before, a migration has made it, at the end of the journal."""
    Reader.objects.bulk_create([Reader(pk=1, place=0)], ignore_conflicts=True)
    return Reader.objects.select_for_update(no_key=True).get(pk=1)


def _slice(event: Event, matter: Matter, after: int) -> tuple[int, int]:
    """Returns how many were to be told, and the last person of the slice; 0 where it was the last slice."""
    follows = Follow.objects.filter(subjects.follows_of(matter.concerned), user__gt=after, user__is_active=True)
    follows = follows.filter(created_at__lte=event.at)  # what was there before is no news
    rows = list(follows.order_by("user_id", "pk")[:FOLLOWS_AT_ONCE])
    last = rows[-1].user_id if len(rows) == FOLLOWS_AT_ONCE else 0
    if last:  # of the last one some may be missing
        whole = [row for row in rows if row.user_id != last]
        rows, last = (whole, whole[-1].user_id) if whole else (rows, last)
    notices = list(_notices(event, matter, rows))
    if not after:
        notices = [*_to_named(event, matter), *notices]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    return len(notices), last


def _notices(event: Event, matter: Matter, rows: list[Follow]) -> Iterable[Notice]:
    now = timezone.now()
    for user, held in groupby(rows, key=lambda row: row.user_id):
        follow = _deciding(list(held))
        if follow is None or user == matter.by:
            continue
        is_digest = follow.cadence != Cadence.AT_ONCE
        yield Notice(
            event=event,
            user_id=user,
            topic=matter.topic,
            follow=follow,
            in_digest=is_digest,
            due_at=digest_due(follow.cadence, now) if is_digest else now,
        )


def _deciding(follows: list[Follow]) -> Follow | None:
    """Of all that somebody follows and that this concerns: the one that is told soonest, unless the case or the
    strategy itself is off."""
    if any(one.cadence == Cadence.OFF and one.kind in (Kind.CASE, Kind.STRATEGY) for one in follows):
        return None
    wanted = [one for one in follows if one.cadence != Cadence.OFF]
    return min(wanted, key=lambda one: (_ORDER.index(Cadence(one.cadence)), one.document is None, one.pk), default=None)


def _to_named(event: Event, matter: Matter) -> list[Notice]:
    people = User.objects.filter(pk__in=matter.named, is_active=True, mails_mentions=True)
    if matter.by is not None:
        people = people.exclude(pk=matter.by)
    return [Notice(event=event, user=one, topic=matter.topic, was_named=True, due_at=timezone.now()) for one in people]
