"""Told things to mails, made by the standard library: it refuses a line end in a header, and folds what is long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from mailing.follows import subjects
from mailing.follows.subjects import Shown
from mailing.letters import plain, tokens
from mailing.letters.telling import Told, host
from mailing.models import Cadence, Follow, Notice
from people.models import User

# A header is folded only where the protocol wants it: what is longer than a line would be written as encoded words, and
# no program finds an address in these.
_LONGEST = 990
_POLICY = SMTP.clone(max_line_length=_LONGEST)
MOST_SUBJECT = 120
MOST_BEFORE = 20  # ids that a mail refers to: the newest


@dataclass(frozen=True)
class Letter:
    """One mail, ready to be handed over. `sender` is the envelope's: what cannot be delivered comes back there."""

    sender: str
    to: str
    message: EmailMessage

    @property
    def as_bytes(self) -> bytes:
        return self.message.as_bytes(policy=_POLICY)


@dataclass(frozen=True)
class Why:
    """Why somebody gets a mail: what is followed, or that they are named."""

    shown: Shown | None
    follow: tuple[str, str, int | None] | None

    @property
    def sentence(self) -> str:
        return f"You follow {self.shown.words}." if self.shown else "You are named in it."

    @property
    def list_id(self) -> str:
        if self.shown is None:
            return f"<named.{host()}>"
        name = re.sub(r"[^a-z0-9.-]+", "-", self.shown.slug.lower()) or "all"
        return f"<{name}.{self.shown.subject.kind}.{host()}>"


def why_of(follow: Follow | None) -> Why:
    if follow is None:
        return Why(None, None)
    return Why(subjects.of(follow), (follow.kind, follow.name, follow.document_id))


def of_one(to: str, user: User, notice: Notice, told: Told) -> Letter:
    """What happened, at once."""
    why = why_of(notice.follow)
    subject = f"[unmigratable] {told.group}: {told.headline}"
    if told.before:  # programs that thread by subjects, too, want them alike
        subject = f"Re: {subject}"
    answer = tokens.address("answer", user.pk, told.answered) if told.answered is not None else ""
    message = _begun(to, user, notice, why, subject, f"<{told.message_id}>", told.by)
    before = [told.thread, *told.before[-MOST_BEFORE:]]
    message["In-Reply-To"] = f"<{before[-1]}>"
    message["References"] = " ".join(f"<{one}>" for one in before)
    if answer:
        message["Reply-To"] = Address("unmigratable", *_halves(answer))
    site = settings.SITE_URL
    ends = [f"{site}{told.path}", why.sentence + (" Answer this mail, or on the page." if answer else "")]
    _set_text(message, told.body.replace("{site}", site), ends, _stop_path(user, why))
    return Letter(_envelope(user, notice), to, message)


def of_many(to: str, user: User, notices: Sequence[Notice], tolds: Sequence[Told], cadence: str) -> Letter:
    """A digest: what happened by case, what changed first."""
    groups: dict[tuple[str, str, str], list[Told]] = {}
    for told in sorted(tolds, key=lambda one: (one.weight, one.at)):
        groups.setdefault((told.group, told.title, told.group_path), []).append(told)
    oldest, newest = min(one.at for one in tolds), max(one.at for one in tolds)
    days = f"{oldest:%-d %B %Y}" if oldest.date() == newest.date() else f"{oldest:%-d %B} to {newest:%-d %B %Y}"
    counted = f"{len(tolds)} thing{'s' * (len(tolds) != 1)} in {len(groups)} place{'s' * (len(groups) != 1)}"
    subject = f"[unmigratable] {_name(cadence)}: {plain.one_line(', '.join(one[0] for one in groups), 60)}"
    why = Why(None, None)
    name = f"<digest.{notices[0].mail}@{host()}>"
    message = _begun(to, user, notices[0], why, subject, name, "")
    message.replace_header("List-Id", f"<digest.{host()}>")
    message.replace_header("Feedback-ID", "digest:digest:notice:unmigratable")
    stop = tokens.stop_link(user.pk, (tokens.DIGEST, "", None))
    message.replace_header("List-Unsubscribe", f"<{settings.SITE_URL}{stop}>")
    text = [plain.wrapped(f"What happened in what you follow, {days}: {counted}.")]
    for (group, title, path), held in groups.items():
        text.append(f"{group}\n{plain.indented(title, '  ')}\n  {settings.SITE_URL}{path}\n")
        text[-1] += "".join(f"\n{_entry(one)}" for one in held)
    ends = [
        f"{settings.SITE_URL}{reverse('following')}",
        "A digest of what you follow. What, and how often: there.",
    ]
    _set_text(message, "\n\n".join(text), ends, stop)
    return Letter(_envelope(user, notices[0]), to, message)


def _entry(told: Told) -> str:
    by = f"{told.by}: " if told.by else ""
    head = plain.wrapped(f"  * {told.at:%d %b %H:%M}  {by}{told.headline}")
    return head + (f"\n{plain.indented(told.short, '      ')}" if told.short else "")


def _name(cadence: str) -> str:
    return {Cadence.DAILY: "daily", Cadence.WEEKLY: "weekly"}.get(Cadence(cadence), "digest")


def _begun(to: str, user: User, notice: Notice, why: Why, subject: str, message_id: str, by: str) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    local, domain = _halves(settings.SIGNING.mail_from)
    message["From"] = Address(plain.one_line(f"{by} via unmigratable" if by else "unmigratable", 80), local, domain)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = plain.one_line(subject, MOST_SUBJECT)
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = message_id
    message["List-Id"] = why.list_id
    message["List-Unsubscribe"] = f"<{settings.SITE_URL}{_stop_path(user, why)}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    kind = why.shown.subject.kind if why.shown else "named"
    message["Feedback-ID"] = f"{kind}:{'digest' if notice.in_digest else 'at-once'}:notice:unmigratable"
    return message


def _halves(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain


def _stop_path(user: User, why: Why) -> str:
    return tokens.stop_link(user.pk, why.follow)


def _set_text(message: EmailMessage, body: str, ends: list[str], stop: str) -> None:
    foot = "\n".join(["-- ", ends[0], *(plain.wrapped(one) for one in ends[1:]), f"No more: {settings.SITE_URL}{stop}"])
    text = f"{body.strip()}\n\n{foot}\n"
    is_plain = text.isascii() and all(len(line) <= _LONGEST for line in text.split("\n"))
    message.set_content(text, charset="utf-8", cte="7bit" if is_plain else "quoted-printable")


def _envelope(user: User, notice: Notice) -> str:
    return tokens.address("bounce", user.pk, notice.pk) or settings.SIGNING.mail_from


def digest_due(cadence: str, now: datetime) -> datetime:
    """When the next digest goes out: at six in the morning (UTC), a weekly one on Mondays."""
    due = now.replace(hour=6, minute=0, second=0, microsecond=0)
    due += timedelta(days=1) if due <= now else timedelta()
    if cadence == Cadence.WEEKLY:
        due += timedelta(days=(7 - due.weekday()) % 7)
    return due
