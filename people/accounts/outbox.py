"""Mail of the account pages: written as a row with what it tells of, sent by a worker.

A mail server that hangs or refuses costs no request anything. An attempt is noted before the letter is handed over, so
that a worker which dies with it does not try for ever; one that dies right after handing it over sends it twice, with
the same Message-ID.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from people.models import Letter

log = logging.getLogger(__name__)
AT_ONCE = 50  # in one round: the next one comes within seconds
MOST_TRIES = 8
KEPT = timedelta(days=7)
# What anybody may have sent to any address, by typing it into a form. The links of earlier ones go on working.
ASKED_FOR = (
    *("password_reset_key", "unknown_account", "account_already_exists"),
    *("email_confirmation", "email_confirmation_signup"),
)
MOST_AN_HOUR = 5


def write(kind: str, to: str, subject: str, body: str) -> None:
    """In the caller's transaction. Where no mail can be sent, or this address has had enough of it, nothing."""
    if not settings.SIGNING.sends_mail:
        return
    if kind in ASKED_FOR:
        lately = Letter.objects.filter(to=to, kind=kind, created_at__gt=timezone.now() - timedelta(hours=1))
        if lately.count() >= MOST_AN_HOUR:
            return
    Letter.objects.create(kind=kind, to=to, subject=subject, body=body)


def send_due() -> int:
    """Sends what is due, over one connection; ends where the server is not there. Returns how many it took."""
    Letter.objects.filter(settled_at__lt=timezone.now() - KEPT).delete()
    sent = 0
    connection = get_connection()
    try:
        while sent < AT_ONCE and (letter := _claimed()):
            if not _handed_over(connection, letter):
                break
            sent += 1
    finally:
        _close(connection)
    return sent


def _claimed() -> Letter | None:
    now = timezone.now()
    with transaction.atomic():
        due = Letter.objects.filter(state=Letter.State.WAITING, next_try_at__lte=now)
        letter = due.select_for_update(no_key=True, skip_locked=True).order_by("next_try_at", "pk").first()
        if letter is not None:
            wait = timedelta(minutes=min(4**letter.tries, 720))
            Letter.objects.filter(pk=letter.pk).update(tries=F("tries") + 1, next_try_at=now + wait)
        return letter


def _handed_over(connection: Any, letter: Letter) -> bool:
    """False where the server does not serve anybody now."""
    try:
        connection.open()
        connection.send_messages([_message(letter)])
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, ValueError) as error:
        _settle(letter, Letter.State.GIVEN_UP if _for_good(error) else Letter.State.WAITING, error)
        return True
    except (OSError, smtplib.SMTPException) as error:
        _settle(letter, Letter.State.WAITING, error)
        return False
    _settle(letter, Letter.State.SENT)
    return True


def _for_good(error: Exception) -> bool:
    """Whether the server will not take this letter later either, or it is no letter at all."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return not isinstance(error, smtplib.SMTPDataError) or error.smtp_code >= 500


def _settle(letter: Letter, state: str, error: Exception | None = None) -> None:
    if error is not None:
        log.warning("letter %s was not taken: %s", letter.pk, type(error).__name__)
    if state == Letter.State.WAITING:
        if letter.tries + 1 < MOST_TRIES:
            return
        state = Letter.State.GIVEN_UP
    # Its text holds a link that sets a password: kept no longer than it has to be.
    Letter.objects.filter(pk=letter.pk).update(state=state, settled_at=timezone.now(), body="")


def _message(letter: Letter) -> EmailMessage:
    host = settings.SIGNING.mail_from.rpartition("@")[2]
    # With its time: after a restore numbers come again, and a mail whose id came before is thrown away unread.
    name = f"letter-{letter.pk}.{letter.created_at:%y%m%d%H%M%S}"
    headers = {"Message-ID": f"<{name}@{host}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(letter.subject, letter.body, None, [letter.to], headers=headers)


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (OSError, smtplib.SMTPException) as error:
        log.warning("the mail server did not say goodbye: %s", type(error).__name__)
