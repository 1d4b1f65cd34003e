"""Taking one's data along, leaving, being sent away and let in again."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.models import Revision
from discussion.comments import search_index
from discussion.models import Comment, Earlier, Flag, Incoming
from mailing.follows import following
from people import journal
from people.models import Event, Letter, Token, User
from webhooks.models import Hook

GONE = "[taken back by its author]"


def data_of(user: User) -> dict[str, Any]:
    """Everything that is kept about a person, as plain values. No password, no token's digest: they are of no use."""
    addresses = EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
    comments = Comment.objects.filter(author=user).order_by("pk").prefetch_related("earlier").select_related("document")
    revisions = Revision.objects.filter(author=user).select_related("document").order_by("pk")
    events = Event.objects.filter(actor=user).order_by("pk")
    return {
        "name": user.username,
        "kernel_name": user.kernel_name,
        "role": user.role,
        "joined_at": user.date_joined,
        "mails_mentions": user.mails_mentions,
        "addresses": list(addresses),
        "accounts_elsewhere": list(SocialAccount.objects.filter(user=user).values("provider", "uid", "extra_data")),
        "second_factors": list(Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")),
        "machines": list(user.machines.values("name", "created_at")),
        "tokens": list(
            Token.objects.filter(machine__owner=user).values("machine__name", "prefix", "scopes", "created_at")
        ),
        "follows": [
            {"of": str(one), "cadence": one.cadence, "since": one.created_at} for one in following.all_of(user)
        ],
        "webhooks": list(user.hooks.values("url", "verbs", "case", "kernel", "machine", "created_at")),
        "comments": [
            {
                "address": comment.permalink,
                "on": str(comment.document),
                "at": comment.created_at,
                "text": comment.text,
                "earlier_texts": [{"at": e.written_at, "text": e.text} for e in comment.earlier.all()],
            }
            for comment in comments
        ],
        "mails": [
            {"subject": one.subject, "at": one.received_at, "fate": one.fate, "text": one.text}
            for one in Incoming.objects.filter(to=user).defer("raw").order_by("pk")
        ],
        "flags": list(Flag.objects.filter(by=user).values("comment", "why", "created_at")),
        "revisions": [{"of": str(r.document), "n": r.n, "at": r.created_at, "text": r.text} for r in revisions],
        "journal": list(events.values("at", "verb", "subject_kind", "subject", "data")),
    }


@transaction.atomic
def leave(user: User, take_words: bool) -> None:
    """Deletes the account: name, addresses, factors, follows, hooks, sessions, tokens. What was measured stays.

    The row stays, without a name, so that what others answered to still has its place.
    """
    journal.record("person.left", "person", str(user.pk))
    _close_doors(user)
    addresses = [user.email, *EmailAddress.objects.filter(user=user).values_list("email", flat=True)]
    Letter.objects.filter(to__in=addresses).delete()
    for model in (EmailAddress, SocialAccount, Authenticator):
        model.objects.filter(user=user).delete()
    Hook.objects.filter(owner=user).delete()
    following.forget_person(user)
    Incoming.objects.filter(to=user).delete()
    User.objects.filter(pk=user.pk).update(
        username=f"left-{user.pk}", kernel_name="somebody who left", email="", first_name="", last_name="",
        is_active=False, password=make_password(None), mails_mentions=False, role="reader",
    )  # fmt: skip
    comments = Comment.objects.filter(author=user).select_related("author", "document")
    if take_words:
        Earlier.objects.filter(comment__author=user).delete()
        comments.update(text=GONE, nr_earlier=0, edited_at=timezone.now())
    for comment in comments:
        search_index.keep(comment)


@transaction.atomic
def ban(user: User, by: User, why: str) -> None:
    """Ends somebody's part here: no signing in, no tokens. What they said is hidden one by one, where it should be."""
    _close_doors(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    journal.record("person.banned", "person", str(user.pk), by, why=why)


@transaction.atomic
def readmit(user: User, by: User) -> None:
    """Lets somebody in again. Their machines' tokens stay revoked."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    journal.record("person.readmitted", "person", str(user.pk), by)


def _close_doors(user: User) -> None:
    """Ends tokens and sessions. The rows of sessions go when they expire: whose they are stands inside, and to read
    everybody's for it took longer with each visitor."""
    Token.objects.filter(machine__owner=user, revoked_at=None).update(revoked_at=timezone.now())
    User.objects.filter(pk=user.pk).update(nr_sessions_ended=F("nr_sessions_ended") + 1)
