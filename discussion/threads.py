"""Saying something, and reading what was said as trees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from catalog.models import Document
from discussion.models import Comment
from people import journal
from people.models import User

DEEPEST_SHOWN = 6


@dataclass
class Node:
    comment: Comment
    replies: list[Node] = field(default_factory=list)


@transaction.atomic
def say(document: Document, author: User, text: str, parent: Comment | None = None) -> Comment:
    """Adds a comment. `parent` is of the same document: see `forms.CommentForm`."""
    comment = Comment.objects.create(document=document, author=author, text=text, parent=parent)
    journal.record("comment.made", document.kind, document.slug, author, comment=comment.pk)
    return comment


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
