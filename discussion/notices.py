"""Mail to those who follow a discussion or are named in it, from the journal.

First every line of the journal that concerns somebody becomes notices, in one transaction with the place up to which
the journal was read; then each notice is sent and settled. A worker that dies between the two sends one mail twice.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from catalog.models import Document
from catalog.text.mentions import named_people
from discussion.models import Comment, Follower, Notice, Subscription, Visibility
from people import journal_cursor
from people.models import Event, User

log = logging.getLogger(__name__)
NAME = "comments by mail"
VERBS = ("comment.made", "comment.let_through", "comment.shown")
AT_ONCE = 200
MOST_A_ROUND = 100
_SALT = "discussion.unsubscribe"


def note_all() -> int:
    """Reads the journal on, and notes who is to be told. Returns how many notices came of it."""
    journal_cursor.give_places()
    made = 0
    while (count := _note_some()) is not None:
        made += count
    return made


@transaction.atomic
def _note_some() -> int | None:
    Follower.objects.bulk_create([Follower(name=NAME)], ignore_conflicts=True)
    reader = Follower.objects.select_for_update(no_key=True).get(name=NAME)
    events = list(journal_cursor.after(Event.objects.all(), reader.place)[:AT_ONCE])
    if not events:
        return None
    about = {event.pk: event.data.get("comment") for event in events if event.verb in VERBS}
    comments = Comment.objects.filter(standing=Visibility.SHOWN).select_related("document", "author")
    found = comments.in_bulk([number for number in about.values() if isinstance(number, int)])
    notices = [
        Notice(event_id=event, user_id=user, was_named=named)
        for event, number in about.items()
        if number in found
        for user, named in _concerned(found[number]).items()
    ]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    reader.place = events[-1].place or 0
    reader.save(update_fields=["place"])
    return len(notices)


def _concerned(comment: Comment) -> dict[int, bool]:
    """Whom a comment is sent to: followers of its document and of the cases that it serves; and who is named in it."""
    about = Q(document=comment.document) | Q(document__case__servings__strategy=comment.document_id)
    found = dict.fromkeys(Subscription.objects.filter(about).values_list("user", flat=True), False)
    named = User.objects.filter(username__in=named_people(comment.text), mails_mentions=True)
    found |= dict.fromkeys(named.values_list("pk", flat=True), True)
    already = Notice.objects.filter(event__data__comment=comment.pk).values_list("user", flat=True)
    for user in (comment.author_id, *already):
        found.pop(user, None)
    return found


def send_all(most: int = MOST_A_ROUND, seconds: float = 60.0) -> bool:
    """Sends what is due, over one connection; begins none after so many mails or seconds. Returns False where others
    can be sent at once.

    What a mail server does not take is tried again, later each time, and given up in the end. One that does not serve
    at all ends the round: each mail would find out for itself, and one that hangs costs 20 s each time.
    """
    end = time.monotonic() + seconds
    with _connection() as connection:
        for _ in range(most):
            if time.monotonic() >= end:
                return False
            notice = _claimed()
            if notice is None or not _send(notice, connection):
                return True
    return False


@contextmanager
def _connection() -> Iterator[Any]:
    """Opened by the first mail that needs it, and again by the next where it was lost."""
    connection = get_connection()
    try:
        yield connection
    finally:
        _close(connection)


def _close(connection: Any) -> None:
    with suppress(OSError, smtplib.SMTPException):
        connection.close()


def _claimed() -> Notice | None:
    now = timezone.now()
    with transaction.atomic():
        due = Notice.objects.filter(settled_at=None, next_try_at__lte=now).select_for_update(
            no_key=True, skip_locked=True, of=("self",)
        )
        notice = due.select_related("event", "user").order_by("next_try_at", "pk").first()
        if notice is not None:
            wait = timedelta(minutes=5 * 4**notice.tries)
            Notice.objects.filter(pk=notice.pk).update(tries=F("tries") + 1, next_try_at=now + wait)
        return notice


def _send(notice: Notice, connection: Any) -> bool:
    """False where the server does not serve anybody now."""
    message, serves = _message(notice), True
    try:
        if message is not None:
            connection.open()  # without it each mail opens one of its own, and closes it
            connection.send_messages([message])
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail to %s was not taken: %s", notice.user.username, type(error).__name__)
        _close(connection)
        serves = isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError)
        if notice.tries + 1 < Notice.MOST_TRIES:
            return serves
    Notice.objects.filter(pk=notice.pk).update(settled_at=timezone.now())
    return serves


def address_of(user: User) -> str:
    """Where somebody may be written to: an address that was proved to be theirs. '' where there is none."""
    found = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary").first()
    return found.email if found and user.is_active else ""


def _message(notice: Notice) -> EmailMessage | None:
    """None where there is nothing to tell any more: it was hidden meanwhile, or its reader may not see it."""
    comments = (
        Comment.objects.visible_to(notice.user).filter(standing=Visibility.SHOWN).select_related("document", "author")
    )
    comment = comments.filter(pk=notice.event.data["comment"]).first()
    address = address_of(notice.user)
    if comment is None or not address or not settings.SIGNING.sends_mail:
        return None
    here, stop = settings.SITE_URL + comment.permalink, settings.SITE_URL + stop_address(notice, comment.document)
    why = "you are named in it" if notice.was_named else "you follow the discussion"
    body = f"{comment.author.shown_name} on {comment.document.slug}:\n\n{comment.text}\n\n-- \n{here}\nYou get this because {why}. No more: {stop}\n"  # fmt: skip  # noqa: E501
    host = settings.SIGNING.mail_from.rpartition("@")[2]
    thread = f"<{comment.document.kind}-{comment.document.slug}@{host}>"
    headers = {
        # With its time: after a restore numbers come again, and a mail whose id came before is thrown away unread.
        "Message-ID": f"<comment-{comment.pk}.{notice.pk}.{notice.event.at:%y%m%d%H%M%S}@{host}>",
        "References": thread,
        "List-Unsubscribe": f"<{stop}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Auto-Submitted": "auto-generated",
    }
    return EmailMessage(f"[unmigratable] {comment.document.slug}", body, None, [address], headers=headers)


def stop_address(notice: Notice, document: Document) -> str:
    what = None if notice.was_named else document.pk
    return f"/unsubscribe/{signing.dumps([notice.user_id, what], salt=_SALT)}/"


def stop(token: str) -> tuple[User, Document | None] | None:
    """Who asks for no more mail, and of what; None of a document means: where they are named."""
    try:
        user, document = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError):
        return None
    who = User.objects.filter(pk=user).first()
    return (who, Document.objects.filter(pk=document).first() if document else None) if who else None


@transaction.atomic
def stopped(user: User, document: Document | None) -> None:
    if document is None:
        User.objects.filter(pk=user.pk).update(mails_mentions=False)
    else:
        Subscription.objects.filter(user=user, document=document).delete()
        if document.kind == "strategy":  # it may have come for the sake of a case that the strategy serves
            served = Document.objects.filter(case__servings__strategy=document.pk)
            Subscription.objects.filter(user=user, document__in=served).delete()
