"""Keeping a discussion in order. Everything here stands in the journal, with who did it and why.

Its subject is the comment, not what the comment is about: who flagged what is for moderators alone to know.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from catalog.models import Document
from discussion.comments import search_index
from discussion.comments.threads import Overtaken
from discussion.models import Comment, Flag, Lock, Visibility
from people import journal
from people.models import User


@transaction.atomic
def flag(comment: Comment, by: User, why: str) -> None:
    """Asks moderators to look. Once a person and comment: flagging again changes the reason."""
    Flag.objects.update_or_create(comment=comment, by=by, defaults={"why": why, "settled_at": None})
    _record("comment.flagged", comment, by, why=why)


@transaction.atomic
def settle_flags(comment: Comment, by: User, nr_earlier: int) -> None:
    """The comment stays. Raises `Overtaken` where it was edited since `by` read it, as `let_through` does."""
    _as_it_was_read(comment, nr_earlier)
    if Flag.objects.filter(comment=comment, settled_at=None).update(settled_at=timezone.now()):
        _record("comment.flags_settled", comment, by)


@transaction.atomic
def let_through(comment: Comment, by: User, nr_earlier: int) -> None:
    """Whoever does so vouches for its author. `nr_earlier`: of the comment as they read it.

    Raises `Overtaken`: what was put into its place since then would be let through unseen.
    """
    _as_it_was_read(comment, nr_earlier)
    if Comment.objects.filter(pk=comment.pk, visibility=Visibility.WAITING).update(visibility=Visibility.SHOWN):
        User.objects.filter(pk=comment.author_id).update(vouched=True)
        _record("comment.let_through", comment, by)


@transaction.atomic
def hide(comment: Comment, by: User, why: str) -> None:
    Comment.objects.filter(pk=comment.pk).update(visibility=Visibility.HIDDEN, hidden_by=by, hidden_why=why)
    Flag.objects.filter(comment=comment, settled_at=None).update(settled_at=timezone.now())
    _record("comment.hidden", comment, by, why=why)


@transaction.atomic
def show(comment: Comment, by: User) -> None:
    hidden = Comment.objects.filter(pk=comment.pk, visibility=Visibility.HIDDEN)
    if hidden.update(visibility=Visibility.SHOWN, hidden_by=None, hidden_why=""):
        _record("comment.shown", comment, by)


@transaction.atomic
def lock(document: Document, by: User, why: str) -> None:
    Lock.objects.update_or_create(document=document, defaults={"by": by, "why": why})
    journal.record("discussion.locked", document.kind, document.slug, by, why=why)


@transaction.atomic
def unlock(document: Document, by: User) -> None:
    if Lock.objects.filter(document=document).delete()[0]:
        journal.record("discussion.unlocked", document.kind, document.slug, by)


def _as_it_was_read(comment: Comment, nr_earlier: int) -> None:
    """Holds the comment until the transaction ends, if its text is still the one that was looked at."""
    now = (
        Comment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("document", "author")
        .get(pk=comment.pk)
    )
    if now.nr_earlier != nr_earlier:
        raise Overtaken(now)


def _record(verb: str, comment: Comment, by: User, **data: str) -> None:
    search_index.keep(Comment.objects.select_related("author", "document").get(pk=comment.pk))
    journal.record(verb, "comment", str(comment.pk), by, comment=comment.pk, on=comment.document.slug, **data)
