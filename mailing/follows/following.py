"""Following, changing how often, and stopping it; where somebody may be written to, and who has to be asked again."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mailing.follows.subjects import Subject
from mailing.models import Cadence, Follow, Notice, Trouble
from people.models import User


class TooMany(Exception):
    """As many as anybody may follow."""


@transaction.atomic
def set_cadence(user: User, subject: Subject, cadence: str) -> Follow:
    """Follows, changes how often, or turns off. Raises `TooMany`."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once would each find room for one
    mine = Follow.objects.filter(user=user)
    key: dict[str, Any] = {"kind": subject.kind, "name": subject.name, "document_id": subject.document}
    if not mine.filter(**key).exists() and mine.count() >= Follow.MOST_A_PERSON:
        raise TooMany(f"{Follow.MOST_A_PERSON} are the most that one person follows. Stop some of them first.")
    made, _ = Follow.objects.update_or_create(user=user, **key, defaults={"cadence": cadence})
    if cadence == Cadence.OFF:
        _drop_what_waits(made)
    return made


def forget(follow: Follow) -> None:
    """As if it had never been followed: another follow may bring the same matters again."""
    _drop_what_waits(follow)
    follow.delete()


def _drop_what_waits(follow: Follow) -> None:
    waiting = Notice.objects.filter(follow=follow, state=Notice.State.WAITING)
    waiting.update(state=Notice.State.DROPPED, settled_at=timezone.now(), why="no longer followed")


def of(user: User, subject: Subject) -> Follow | None:
    key = {"kind": subject.kind, "name": subject.name, "document_id": subject.document}
    return Follow.objects.filter(user=user, **key).first()


def all_of(user: User) -> QuerySet[Follow]:
    return Follow.objects.filter(user=user).select_related("document").order_by("kind", "document__slug", "name")


def address_of(user: User) -> str:
    """Where somebody may be written to: an address that was proved to be theirs. '' where there is none."""
    found = EmailAddress.objects.filter(user=user, verified=True).order_by("-primary").first()
    return found.email if found and user.is_active else ""


@transaction.atomic
def note_bounce(notice: Notice, why: str) -> bool:
    """A mail came back for good. Counted once a mail; False where it was counted before."""
    now = timezone.now()
    if not Notice.objects.filter(mail=notice.mail, mail__isnull=False, came_back_at=None).update(came_back_at=now):
        return False
    Trouble.objects.get_or_create(user_id=notice.user_id)
    trouble = Trouble.objects.select_for_update(no_key=True).get(user_id=notice.user_id)
    if trouble.bounced_at is None or now - trouble.bounced_at > Trouble.FORGOTTEN_AFTER:
        trouble.nr_bounces = 0
    trouble.nr_bounces, trouble.bounced_at, trouble.why = trouble.nr_bounces + 1, now, why[:300]
    if trouble.nr_bounces >= Trouble.MOST and trouble.paused_at is None:
        trouble.paused_at = now
    trouble.save()
    return True


def resume(user: User) -> None:
    """The person says that mail reaches them again."""
    Trouble.objects.filter(user=user).delete()


def is_paused(user: User) -> bool:
    return Trouble.objects.filter(user=user, paused_at__isnull=False).exists()


def forget_person(user: User) -> None:
    """Who leaves: nothing of theirs is followed, and nothing waits for them."""
    Notice.objects.filter(user=user).exclude(state__in=Notice.SETTLED).update(
        state=Notice.State.DROPPED, settled_at=timezone.now(), why="left"
    )
    Follow.objects.filter(user=user).delete()
    Trouble.objects.filter(user=user).delete()
