"""Comments in the search index: what is shown is found, what waits or is hidden is not."""

from __future__ import annotations

from catalog.search import index
from discussion.models import Comment, Visibility


def keep(comment: Comment) -> None:
    """Brings the index up to what the comment is now."""
    key = f"comment-{comment.pk}"
    if comment.visibility != Visibility.SHOWN:
        index.forget(comment.document, key)
        return
    title = f"{comment.author.shown_name} on {comment.document.slug}"[:300]
    index.index(comment.document, key, "comment", comment.permalink, title, [("C", index.plain(comment.text))])
