"""What is said of a case or strategy, told to those who follow it or are named: for `mailing.letters.telling`."""

from __future__ import annotations

from typing import Any

from catalog.text.mentions import named_people
from discussion.models import Comment, Visibility
from mailing.follows.subjects import concerned_by
from mailing.letters import plain
from mailing.letters.telling import Matter, Told, host, thread_of
from people.models import Event, User

MOST_BEFORE = 20  # comments that one answers, and those that these answer
MOST_IN_A_DIGEST = 600  # characters of a comment


class Comments:
    verbs = ("comment.made", "comment.let_through", "comment.shown")

    def matter(self, event: Event) -> Matter | None:
        comment = _shown(event).first()
        if comment is None:
            return None
        named = User.objects.filter(username__in=named_people(comment.text)).values_list("pk", flat=True)
        return Matter(
            f"comment-{comment.pk}", frozenset(concerned_by(comment.document)), comment.author_id, tuple(named)
        )

    def told(self, event: Event, reader: Any) -> Told | None:
        """None where it was hidden meanwhile, or its reader may not see it."""
        comment = _shown(event).filter(pk__in=Comment.objects.visible_to(reader)).first()
        if comment is None:
            return None
        document, by = comment.document, comment.author.shown_name
        about = document.case if document.kind == "case" else document.strategy
        answered = comment.parent if comment.parent and comment.parent.visibility == Visibility.SHOWN else None
        quote = ""
        if answered is not None:
            quote = f"{plain.wrapped(f'{answered.author.shown_name} wrote:')}\n{plain.quoted(answered.text)}\n\n"
        excerpt = comment.text if len(comment.text) <= MOST_IN_A_DIGEST else comment.text[:MOST_IN_A_DIGEST] + "…"
        return Told(
            headline="commented" if answered is None else f"answered {answered.author.username}",
            body=f"{plain.wrapped(f'{by} on {document.slug}:')}\n\n{quote}{plain.wrapped(comment.text)}",
            short=excerpt,
            path=comment.permalink,
            group=document.slug,
            title=about.title,
            group_path=document.get_absolute_url(),
            at=comment.created_at,
            message_id=id_of(comment),
            thread=thread_of(document),
            before=_before(comment),
            by=by,
            answered=document.pk,
            weight=3,
        )


def _shown(event: Event) -> Any:
    number = event.data.get("comment")
    found = Comment.objects.filter(pk=number if isinstance(number, int) else 0, visibility=Visibility.SHOWN)
    return found.select_related("document__case", "document__strategy", "author", "parent__author")


def id_of(comment: Comment) -> str:
    """With its time: after a restore numbers come again."""
    return f"comment-{comment.pk}.{comment.created_at:%y%m%d%H%M%S}@{host()}"


def _before(comment: Comment) -> tuple[str, ...]:
    """The ids of what it answers, oldest first."""
    made: list[str] = []
    above = comment.parent_id
    while above is not None and len(made) < MOST_BEFORE:
        found = Comment.objects.only("pk", "created_at", "parent_id").get(pk=above)
        made.append(id_of(found))
        made += found.mails.values_list("message_id", flat=True)[:1]  # as its author's own program knows it
        above = found.parent_id
    return tuple(reversed(made))
