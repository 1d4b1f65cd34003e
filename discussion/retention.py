"""What is no longer needed of sessions, and of accounts that never came to be."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db.models import CharField, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from discussion.models import Incoming
from people.models import User


def mails(before: datetime) -> QuerySet[Incoming]:
    """What no person wrote or nobody was to read: answers of robots, what came back, what an editor declined."""
    fates = (Incoming.Fate.IGNORED, Incoming.Fate.BOUNCE, Incoming.Fate.DECLINED)
    return Incoming.objects.filter(received_at__lt=before, fate__in=fates)


def sessions(before: datetime) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=before)


def unproved(before: datetime) -> QuerySet[User]:
    """Who signed up and never proved an address, so never came in either."""
    mine = OuterRef("pk")
    came_in = Exists(EmailAddress.objects.filter(user=mine, verified=True)) | Exists(
        SocialAccount.objects.filter(user=mine)
    )
    never = User.objects.filter(vouched=False, is_active=True, last_login=None, date_joined__lt=before)
    return never.exclude(came_in)


def close(users: QuerySet[User]) -> int:
    """Name and address are free again. The row stays: the journal tells that somebody joined."""
    ids = list(users.values_list("pk", flat=True))
    EmailAddress.objects.filter(user__in=ids).delete()
    return User.objects.filter(pk__in=ids).update(
        username=Concat(Value("left-"), Cast("pk", CharField())),
        kernel_name="somebody who left",
        email="",
        first_name="",
        last_name="",
        password=make_password(None),
        is_active=False,
    )
