"""A mail that came in by an address of ours becomes a comment, waits for an editor, is ignored, or is refused.

Whoever hands it over is answered once what became of it is committed: a mail server tries again after `later`.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import Document
from discussion.answers import reading
from discussion.answers.reading import MAX_BYTES, Read
from discussion.comments import threads
from discussion.mail.addresses import hidden_in
from discussion.mail.letters import Unreadable
from discussion.models import Comment, Incoming, Visibility
from discussion.typed import kept
from mailing.follows import following
from mailing.letters import tokens
from mailing.letters.tokens import Address
from mailing.models import Notice
from people.models import User, may
from rest.bounds import bounded

log = logging.getLogger(__name__)
MOST_WAITING, MOST_WAITING_OF_ONE = 500, 20
MOST_IGNORED_A_DAY = 1_000
DAY = timedelta(days=1)


class Code(Enum):
    TAKEN = "250 2.0.0"
    LATER = "451 4.3.0"
    FULL = "452 4.3.1"
    NO_ADDRESS = "550 5.1.1"
    TOO_LARGE = "552 5.3.4"
    NOT_THIS = "550 5.6.0"
    NOT_ALLOWED = "550 5.7.1"


@dataclass(frozen=True)
class Answer:
    """What the mail server is told. `fate` is None where nothing was kept."""

    code: Code
    text: str
    fate: str | None = None

    def __str__(self) -> str:
        return f"{self.code.value} {self.text}"


def addressed(recipient: str) -> Address | Answer:
    """Before the text comes: whether this is an address of ours, and still valid."""
    found = tokens.read_address(recipient)
    if found is None:
        return Answer(Code.NO_ADDRESS, "No such address. Answers go to the Reply-To of a mail that this site sent.")
    if found.is_expired:
        text = f"This address was good for {tokens.ANSWERED_FOR.days} days. Answer at {_page(found)}"
        return Answer(Code.NO_ADDRESS, text)
    return found


def _page(found: Address) -> str:
    document = Document.objects.visible_to(None).filter(pk=found.ref).first() if found.kind == "answer" else None
    return settings.SITE_URL + (document.get_absolute_url() if document else "/")


def receive(raw: bytes, recipient: str) -> Answer:
    to = addressed(recipient)
    if isinstance(to, Answer):
        return to
    if len(raw) > MAX_BYTES:
        return Answer(Code.TOO_LARGE, f"Up to {MAX_BYTES} bytes are taken. Link to what is larger.")
    try:
        read: Read = bounded.call(reading.read, raw, nr_bytes=len(raw))
    except Unreadable as error:
        return Answer(Code.NOT_THIS, f"This mail was not taken: {error}.")
    except bounded.TooLong:
        return Answer(Code.NOT_THIS, "This mail was not taken: reading it takes too long.")
    except bounded.Lost:
        return Answer(Code.LATER, "It could not be read just now.")
    if to.kind == "bounce":
        return _came_back(raw, read, to)
    if why := read.automatic or _is_ours(read):
        return _ignored(raw, read, to, why)
    return _answered(raw, read, to)


def _is_ours(read: Read) -> str:
    own = settings.SIGNING.mail_from.lower()
    return "from this site" if read.letter.author_address.lower() == own else ""


@transaction.atomic
def _came_back(raw: bytes, read: Read, to: Address) -> Answer:
    notice = Notice.objects.filter(pk=to.ref, user=to.user).first()
    if notice is None or not read.failure:
        return _ignored(raw, read, to, read.automatic or "to the address of bounces, and no report of one")
    if following.note_bounce(notice, read.failure):
        _keep(raw, read, Incoming.Fate.BOUNCE, to=notice.user, why=read.failure)
    return Answer(Code.TAKEN, "noted", Incoming.Fate.BOUNCE)


def _ignored(raw: bytes, read: Read, to: Address, why: str) -> Answer:
    """Kept for a while, as long as they are not too many: whoever writes to a robot gets no answer from another."""
    lately = Incoming.objects.filter(fate=Incoming.Fate.IGNORED, received_at__gt=timezone.now() - DAY)
    if lately.count() < MOST_IGNORED_A_DAY:
        _keep(raw, read, Incoming.Fate.IGNORED, to=User.objects.filter(pk=to.user).first(), why=why)
    return Answer(Code.TAKEN, "ignored", Incoming.Fate.IGNORED)


def _answered(raw: bytes, read: Read, to: Address) -> Answer:
    person = User.objects.filter(pk=to.user, is_active=True).first()
    document = Document.objects.visible_to(person).filter(pk=to.ref).first() if person else None
    if person is None or document is None or not may(person, "comment"):
        return Answer(Code.NOT_ALLOWED, "Who got this address may not comment here.")
    if read.is_encrypted:
        return Answer(Code.NOT_THIS, "This mail is encrypted, and would be public. Send plain text.")
    text = kept(hidden_in(read.text))
    if not text and not read.letter.is_cut:
        return Answer(Code.NOT_THIS, "No words of your own were found in it. Write in plain text, not below '-- '.")
    if len(text) > Comment.MAX_CHARACTERS or read.letter.is_cut:
        return Answer(Code.TOO_LARGE, f"Up to {Comment.MAX_CHARACTERS} characters are taken. This is longer.")
    try:
        with transaction.atomic():
            if _is_theirs(person, read):
                return _said(raw, read, person, document, text)
            return _waits(raw, read, person, document, text)
    except IntegrityError as error:
        if "incoming_once" not in str(error):
            raise
        return Answer(Code.TAKEN, "is here already", None)
    except threads.TooMany as error:
        return Answer(Code.LATER, str(error))
    except threads.CannotBeSaid as error:
        return Answer(Code.NOT_ALLOWED, f"{error} See {settings.SITE_URL}{document.get_absolute_url()}")


def _is_theirs(person: User, read: Read) -> bool:
    """By its From, which anybody can write who has the address: where the mail server checks it, that has to agree."""
    server, _, results = read.authenticated.partition(";")
    is_proved = server.strip().lower() == settings.MAIL_AUTH.lower() and re.search(r"\bdmarc=pass\b", results)
    if not read.has_one_sender or (settings.MAIL_AUTH and not is_proved):
        return False
    address = read.letter.author_address
    return bool(EmailAddress.objects.filter(user=person, verified=True, email__iexact=address).exists())


def _said(raw: bytes, read: Read, person: User, document: Document, text: str) -> Answer:
    kept_mail = _keep(raw, read, Incoming.Fate.TAKEN, to=person, document=document, text=text)
    kept_mail.comment = threads.say(document, person, text, _parent(read, document))
    kept_mail.save(update_fields=["comment"])
    return Answer(Code.TAKEN, f"is {settings.SITE_URL}{kept_mail.comment.permalink}", Incoming.Fate.TAKEN)


def _parent(read: Read, document: Document) -> Comment | None:
    """The newest comment that it refers to, if it is of this document and still shown."""
    shown = Comment.objects.filter(pk__in=read.answers, document=document, visibility=Visibility.SHOWN).in_bulk()
    return next((shown[number] for number in read.answers if number in shown), None)


def _waits(raw: bytes, read: Read, person: User, document: Document, text: str) -> Answer:
    User.objects.select_for_update(no_key=True).get(pk=person.pk)  # two at once would each find room
    waiting = Incoming.objects.filter(fate=Incoming.Fate.WAITING)
    if waiting.filter(to=person).count() >= MOST_WAITING_OF_ONE or waiting.count() >= MOST_WAITING:
        return Answer(Code.FULL, "Many mails wait for an editor. Try again later.")
    _keep(raw, read, Incoming.Fate.WAITING, to=person, document=document, text=text)
    return Answer(Code.TAKEN, "waits for an editor", Incoming.Fate.WAITING)


def _keep(
    raw: bytes,
    read: Read,
    fate: str,
    to: User | None,
    document: Document | None = None,
    text: str = "",
    why: str = "",
) -> Incoming:
    return Incoming.objects.create(
        message_id=read.letter.message_id,
        document=document,
        to=to,
        author_name=read.letter.author_name,
        author_address=read.letter.author_address,
        subject=read.letter.subject,
        text=text,
        raw=raw,
        fate=fate,
        why=why[:300],
    )
