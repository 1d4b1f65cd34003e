"""Sends what is due. Each row is marked before its mail is handed over, in a transaction of its own.

One process sends at a time, under a lock that ends with its connection. So whoever begins knows that a row which is
still marked was left by one that died: it is in doubt then, listed for maintainers, and never sent again by itself.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mailing.follows import following
from mailing.letters import making, telling
from mailing.letters.making import Letter
from mailing.letters.telling import Told
from mailing.models import Cadence, Notice
from mailing.outbox.handing_over import Fate, Line, Outcome
from people.models import User

log = logging.getLogger(__name__)
_SENDING = 0x6D6F  # of locks of ours, the one under which is sent
MOST_A_ROUND = 2_000
MOST_IN_A_DIGEST = 200
MOST_AN_HOUR = 20  # mails to one person; what is more is put into a digest
# After the first try, and so on; the last one some two days after the first.
BACKOFF = tuple(timedelta(minutes=n) for n in (5, 20, 80, 320, 720, 1_440))
MOST_TRIES = len(BACKOFF) + 1


@dataclass(frozen=True)
class Ready:
    """Rows that are marked, and the mail that they go out in."""

    ids: list[int]
    letter: Letter
    tries: int


def send_all(most: int = MOST_A_ROUND, seconds: float = 60.0) -> bool:
    """Begins no mail after so many of them or so many seconds. Returns whether nothing is due, or another one sends."""
    if not settings.SIGNING.sends_mail:
        return True
    end = time.monotonic() + seconds
    with _alone() as is_mine:
        if not is_mine:
            return True
        note_doubts()
        with Line() as line:
            for _ in range(most):
                if time.monotonic() >= end:
                    return False
                ready = _next()
                if ready is None:
                    return True
                outcome = line.hand_over(ready.letter)
                _settle(ready, outcome)
                if outcome.fate is Fate.NOT_REACHED:
                    return True  # nobody is served now: the next round tries again
    return False


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_SENDING])
        is_mine = cursor.fetchone()[0]
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_SENDING])


def note_doubts() -> int:
    """Call it as the one who sends: what is marked now was left by one that died."""
    left = Notice.objects.filter(state=Notice.State.SENDING)
    why = "the worker died, or lost the server, while it handed the mail over"
    return left.update(state=Notice.State.IN_DOUBT, settled_at=timezone.now(), why=why)


def _next() -> Ready | None:
    """The next mail, with its rows marked; None where nothing is due."""
    while True:
        with transaction.atomic():
            first = _due().order_by("due_at", "pk").first()
            if first is None:
                return None
            try:
                with transaction.atomic():
                    made = _made(first)
            except DatabaseError:
                raise
            except Exception as error:
                log.exception("what is to be told of event %d cannot be written", first.event_id)
                _give_up(first, f"{type(error).__name__}: {error}")
                continue
            if made is not None:
                return made


def _due() -> QuerySet[Notice]:
    due = Notice.objects.filter(state=Notice.State.WAITING, due_at__lte=timezone.now())
    locked = due.select_for_update(no_key=True, skip_locked=True, of=("self",))
    return locked.select_related("user", "event__actor", "follow__document")


def _made(first: Notice) -> Ready | None:
    """None where these rows need no mail now: they are put off, or there is nothing to tell any more."""
    user = first.user
    to = following.address_of(user)
    if not to or following.is_paused(user):
        _drop(Q(pk=first.pk), "no address was proved" if not to else "mail to them is paused")
        return None
    if _is_enough(user):
        return None
    rows = [first]
    if first.in_digest:
        rows = list(_due().filter(user=user, in_digest=True).order_by("event_id")[:MOST_IN_A_DIGEST])
    told = [(row, _told(row)) for row in rows]
    if gone := [row.pk for row, one in told if one is None]:
        _drop(Q(pk__in=gone), "nothing to tell any more")
    kept = [(row, one) for row, one in told if one is not None]
    if not kept:
        return None
    notices, tolds = [row for row, _ in kept], [one for _, one in kept]
    mail = uuid.uuid4()
    for row in notices:
        row.mail = mail
    if first.in_digest:
        cadence = first.follow.cadence if first.follow else Cadence.AT_ONCE
        letter = making.of_many(to, user, notices, tolds, cadence)
    else:
        letter = making.of_one(to, user, first, tolds[0])
    ids = [row.pk for row in notices]
    tries = first.tries + 1
    Notice.objects.filter(pk__in=ids).update(
        state=Notice.State.SENDING, mail=mail, tried_at=timezone.now(), tries=tries
    )
    return Ready(ids, letter, tries)


def _told(row: Notice) -> Told | None:
    if not row.was_named and (row.follow is None or row.follow.cadence == Cadence.OFF):
        return None
    return telling.told(row.event, row.user)


def _give_up(row: Notice, why: str) -> None:
    """It would hold up everybody else's."""
    Notice.objects.filter(pk=row.pk).update(
        state=Notice.State.GIVEN_UP, settled_at=timezone.now(), why=why[:200].replace("\x00", "")
    )


def _drop(rows: Q, why: str) -> None:
    Notice.objects.filter(rows, state=Notice.State.WAITING).update(
        state=Notice.State.DROPPED, settled_at=timezone.now(), why=why
    )


def _is_enough(user: User) -> bool:
    """Whether somebody got as many mails as they may in an hour. Then all that is due to them waits for a digest."""
    now = timezone.now()
    lately = Notice.objects.filter(user=user, tried_at__gt=now - timedelta(hours=1))
    if lately.values("mail").distinct().count() < MOST_AN_HOUR:
        return False
    waiting = Notice.objects.filter(user=user, state=Notice.State.WAITING, due_at__lte=now)
    waiting.update(due_at=now + timedelta(hours=1), in_digest=True)
    return True


def _settle(ready: Ready, outcome: Outcome) -> None:
    now = timezone.now()
    state = {
        Fate.TAKEN: Notice.State.SENT,
        Fate.IN_DOUBT: Notice.State.IN_DOUBT,
        Fate.NEVER: Notice.State.GIVEN_UP,
        Fate.NO_SUCH_PERSON: Notice.State.GIVEN_UP,
    }.get(outcome.fate, Notice.State.WAITING if ready.tries < MOST_TRIES else Notice.State.GIVEN_UP)
    if outcome.fate is not Fate.TAKEN:
        log.warning("a mail to %d rows was not taken: %s", len(ready.ids), outcome.fate.value)
    # Whoever took over meanwhile thought it in doubt; whoever handed it over knows.
    mine = Notice.objects.filter(pk__in=ready.ids, state__in=[Notice.State.SENDING, Notice.State.IN_DOUBT])
    with transaction.atomic():
        if state == Notice.State.WAITING:
            wait = BACKOFF[min(ready.tries, len(BACKOFF)) - 1]
            mine.update(state=state, settled_at=None, due_at=now + wait, why=outcome.why, tried_at=None)
        else:
            mine.update(state=state, settled_at=now, why=outcome.why)
        if outcome.fate is Fate.NO_SUCH_PERSON:
            following.note_bounce(Notice.objects.get(pk=ready.ids[0]), outcome.why)


def send_again(notice: Notice) -> int:
    """A maintainer says so of a mail that is in doubt or was given up: all its rows wait again. Returns how many."""
    of_mail = Notice.objects.filter(mail=notice.mail) if notice.mail else Notice.objects.filter(pk=notice.pk)
    at_rest = of_mail.filter(state__in=[Notice.State.IN_DOUBT, Notice.State.GIVEN_UP])
    return at_rest.update(
        state=Notice.State.WAITING, settled_at=None, due_at=timezone.now(), tries=0, tried_at=None, why=""
    )


def let_be(notice: Notice) -> int:
    """A maintainer says that a mail which is in doubt is not to be sent again."""
    doubtful = Notice.objects.filter(mail=notice.mail, state=Notice.State.IN_DOUBT)
    return doubtful.update(state=Notice.State.DROPPED, settled_at=timezone.now(), why="was in doubt, and left at that")
