"""What waits for a moderator, for the inbox."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import reverse

from catalog.pages.inbox import Queue
from discussion.models import Comment, Flag
from discussion.models.comments import Visibility
from people.models import User


def queues(person: User) -> Iterable[Queue]:
    comments = Comment.objects.visible_to(person)
    first = comments.filter(visibility=Visibility.WAITING).count()
    yield Queue("First comments", first, reverse("moderation"), "Publish or hide what new members wrote.")
    flagged = Flag.objects.filter(settled_at=None, comment__in=comments).count()
    yield Queue("Flagged comments", flagged, reverse("moderation"), "Hide the comment, or dismiss the flags.")
