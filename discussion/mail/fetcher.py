"""Following threads of the list: which to fetch when, and what comes of it.

A thread that was asked for by its Message-ID begins as one placeholder. The row is the truth: a lost message of the
broker is made up for by the next round.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from catalog.models import Document
from discussion.mail import archive, importer, letters
from discussion.models import MailThread, Message
from people.models import User
from people.statements import may_pass
from rest.bounds import bounded

log = logging.getLogger(__name__)
AWAKE = timedelta(days=7)  # after its last mail it is looked at often
ASLEEP = timedelta(days=60)  # and then once a day, until this long after it
MOST_AT_ONCE = 1  # it may take two minutes, and mail waits for the same worker


@transaction.atomic
def ask_for(message_id: str, documents: Iterable[Document], by: User | None = None) -> MailThread:
    """Notes that a thread is wanted. It is fetched soon, and followed while it lives."""
    known = Message.objects.filter(message_id=message_id).select_related("thread").first()
    if known is None:
        thread = MailThread.objects.create(root_id=message_id, subject=message_id, next_fetch_at=timezone.now())
        Message.objects.create(thread=thread, message_id=message_id, present=False)
    else:
        thread = known.thread
        MailThread.objects.filter(pk=thread.pk).update(next_fetch_at=timezone.now(), fault="")
    thread.documents.add(*documents)
    return thread


def fetch_due() -> int:
    """Fetches what is due, and returns how many threads that were."""
    done = 0
    while done < MOST_AT_ONCE and (thread := _claimed()):
        try:
            fetch(thread)
        except DatabaseError as error:
            if may_pass(error):
                raise
            # Its letters cannot be kept: noted at this thread, while the others are fetched.
            log.exception("the thread %s cannot be kept", thread.root_id)
            MailThread.objects.filter(pk=thread.pk).update(fault=f"It cannot be kept ({type(error).__name__}).")
        done += 1
    return done


def _claimed() -> MailThread | None:
    """The thread that is due the longest, put off at once: no second worker takes it, and a dead one loses an hour."""
    now = timezone.now()
    with transaction.atomic():
        thread = MailThread.objects.due(now).select_for_update(no_key=True, skip_locked=True).first()
        if thread is not None:
            MailThread.objects.filter(pk=thread.pk).update(next_fetch_at=now + timedelta(hours=1))
        return thread


def fetch(thread: MailThread, by: User | None = None) -> importer.Taken | None:
    """Fetches one thread now. What goes wrong is noted at the thread, and tried again later."""
    now = timezone.now()
    asked = MailThread.objects.filter(pk=thread.pk)
    try:
        box = letters.read_apart(archive.thread(_known_to_the_archive(thread)))
        taken = importer.take(box, thread.documents.all(), by)
    except (archive.NotFetched, letters.Unreadable, bounded.Lost) as error:
        tomorrow = now + timedelta(days=1) if now - thread.created_at < ASLEEP else None
        asked.update(fault=str(error)[:300], next_fetch_at=tomorrow)
        return None
    for one in taken.threads:
        MailThread.objects.filter(pk=one.pk).update(
            fetched_at=now, fault="", skipped=box.note[:300], next_fetch_at=_next(one, now)
        )
    if thread.pk not in {one.pk for one in taken.threads}:
        asked.update(fault="The archive's answer does not hold this Message-ID.", next_fetch_at=None)
    return taken


def _known_to_the_archive(thread: MailThread) -> str:
    """A letter that it gave us; the root may be a placeholder for what it never had."""
    letter = Message.objects.filter(thread=thread, present=True).order_by("sent_at", "pk").first()
    return letter.message_id if letter else thread.root_id


def _next(thread: MailThread, now: datetime) -> datetime | None:
    quiet = now - (thread.last_at or now)
    if quiet > ASLEEP:
        return None
    return now + (timedelta(seconds=settings.FOLLOW_SECONDS) if quiet <= AWAKE else timedelta(days=1))
