"""Saying something, changing and resolving it, and reading what was said as trees.

CannotBeSaid  what was asked cannot be done; its text says why, for the person who asked
  Locked      nothing more is said here
  TooMany     this person has said much in a short time; `.wait_seconds`
  Overtaken   the comment was changed meanwhile; `.comment` as it stands now
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.models import Document
from discussion.comments import attachments, search_index
from discussion.models import Comment, Earlier, Lock, Visibility
from people import journal
from people.models import User, may

DEEPEST_SHOWN = 6
WINDOW = timedelta(minutes=10)
MOST_IN_WINDOW = 20
MOST_OF_A_NEWCOMER = 3
MOST_EDITS, MOST_EDITS_WAITING = 100, 20


class CannotBeSaid(Exception):
    pass


class Locked(CannotBeSaid):
    pass


class TooMany(CannotBeSaid):
    wait_seconds = int(WINDOW.total_seconds())


class Overtaken(CannotBeSaid):
    def __init__(self, comment: Comment) -> None:
        self.comment = comment
        super().__init__("This comment was changed meanwhile. Compare, and send yours again.")


@dataclass
class Node:
    comment: Comment
    replies: list[Node] = field(default_factory=list)
    body: SafeString | None = None  # None where this reader may not have the words


@transaction.atomic
def say(document: Document, author: User, text: str, parent: Comment | None = None) -> Comment:
    """Adds a comment. `parent` is of the same document: see `forms.CommentForm`. Raises `Locked`, `TooMany`.

    The first comment of somebody whom no editor has vouched for waits for a moderator.
    """
    User.objects.select_for_update(no_key=True).get(pk=author.pk)  # one after another: the counts below hold
    _open_to(document, author)
    trusted = is_known(author)
    _bounded(author, MOST_IN_WINDOW if trusted else MOST_OF_A_NEWCOMER)
    visibility = Visibility.SHOWN if trusted else Visibility.WAITING
    comment = Comment.objects.create(
        document=document, author=author, text=text, parent=parent, visibility=visibility, attached=attachments.of(text)
    )
    search_index.keep(comment)
    journal.record("comment.made", *_subject(comment), author, comment=comment.pk)
    return comment


def _subject(comment: Comment) -> tuple[str, str]:
    """Under which name the journal tells of it: what it is about, where everybody may know that it is there."""
    if comment.visibility != Visibility.SHOWN:
        return "comment", str(comment.pk)
    return comment.document.kind, comment.document.slug


def is_known(author: User) -> bool:
    """Whoever was added by hand or moderates, and everybody of whom a comment stands."""
    return (
        author.vouched
        or may(author, "moderate")
        or Comment.objects.filter(author=author, visibility=Visibility.SHOWN).exists()
    )


def _open_to(document: Document, author: User) -> None:
    lock = Lock.objects.filter(document=document).first()
    if lock and not may(author, "moderate"):
        raise Locked(f"This discussion is locked: {lock.why}")


def _bounded(author: User, most: int) -> None:
    if Comment.objects.filter(author=author, created_at__gt=timezone.now() - WINDOW).count() >= most:
        raise TooMany(f"Up to {most} comments in ten minutes. Wait a little, and send it again.")


@transaction.atomic
def edit(comment: Comment, author: User, text: str, base: int) -> Comment:
    """Gives a comment another text, and keeps the one before. Raises `Overtaken`, `Locked`, `CannotBeSaid`.

    Of what still waits nobody has seen the text before, and it is not kept: whoever signs up could store without end.
    base: how many earlier texts there were when the author began (`Comment.nr_earlier`).
    """
    comment = (
        Comment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("document", "author")
        .get(pk=comment.pk)
    )
    _open_to(comment.document, author)
    if comment.nr_earlier != base:
        raise Overtaken(comment)
    if comment.text == text:
        return comment
    most = MOST_EDITS_WAITING if comment.visibility == Visibility.WAITING else MOST_EDITS
    if base >= most:
        raise CannotBeSaid(f"A comment is changed up to {most} times. Say the rest in another one.")
    if comment.visibility != Visibility.WAITING:
        written_at = comment.edited_at or comment.created_at
        Earlier.objects.create(comment=comment, n=base + 1, text=comment.text, written_at=written_at)
    comment.text, comment.nr_earlier, comment.edited_at = text, base + 1, timezone.now()
    comment.attached = comment.attached or attachments.of(text)
    comment.save(update_fields=["text", "nr_earlier", "edited_at", "attached"])
    search_index.keep(comment)
    journal.record("comment.edited", *_subject(comment), author, comment=comment.pk, n=comment.nr_earlier)
    return comment


@transaction.atomic
def resolve(comment: Comment, by: User, resolved: bool) -> None:
    """Marks the thread that begins with `comment` as resolved, or opens it again."""
    comment = Comment.objects.select_for_update(no_key=True, of=("self",)).select_related("document").get(pk=comment.pk)
    if resolved == (comment.resolved_at is not None):
        return
    comment.resolved_at = timezone.now() if resolved else None
    comment.save(update_fields=["resolved_at"])
    verb = "comment.resolved" if resolved else "comment.reopened"
    journal.record(verb, comment.document.kind, comment.document.slug, by, comment=comment.pk)


def may_edit(user: object, comment: Comment) -> bool:
    return may(user, "comment") and comment.author == user and comment.visibility != Visibility.HIDDEN


def may_resolve(user: object, comment: Comment) -> bool:
    """Who began a thread, and editors."""
    return comment.parent_id is None and (may(user, "moderate") or (may(user, "comment") and comment.author == user))


def trees(comments: Iterable[Comment]) -> list[Node]:
    """Comments in the order of their ids to trees. A reply stands below its parent, or at the top where that is hidden.

    Below DEEPEST_SHOWN the trees grow no deeper: replies follow one another.
    """
    roots: list[Node] = []
    places: dict[int, tuple[Node, int]] = {}  # where a reply to this comment goes, and how deep that is
    for comment in comments:
        node = Node(comment)
        home, depth = places.get(comment.parent_id or 0, (None, 0))
        (roots if home is None else home.replies).append(node)
        places[comment.pk] = (node, depth + 1) if home is None or depth < DEEPEST_SHOWN else (home, depth)
    return roots
