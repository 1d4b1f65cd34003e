"""Atom feeds of a case's discussion, and of a strategy: its revisions and what is said of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from catalog.models import Case, Document, Revision, Strategy
from catalog.pages import feeds
from catalog.pages.feeds import ENTRIES, Item
from discussion.models import Comment, Visibility


def case(request: HttpRequest, slug: str) -> HttpResponse:
    found = Case.objects.visible_to(request.user, proposals=True).named(slug)
    if found is None:
        raise Http404("There is no such case.")
    items = _said(request, found.document)
    return feeds.answer(request, f"unmigratable: what is said of {found.title}", found.get_absolute_url(), items)


def strategy(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Strategy.objects.visible_to(request.user).select_related("document"), slug=slug)
    written = Revision.objects.visible_to(request.user).filter(document=found.document)
    revisions = written.select_related("document__case", "document__strategy", "author").defer("text")
    items = [feeds.of_revision(one) for one in revisions.order_by("-pk")[:ENTRIES]]
    items += _said(request, found.document)
    return feeds.answer(request, f"unmigratable: {found.title}", found.get_absolute_url(), items)


def _said(request: HttpRequest, document: Document) -> list[Item]:
    """What everybody may read: what waits or was hidden is in no feed, whoever asks."""
    comments = Comment.objects.visible_to(request.user).about(document).filter(visibility=Visibility.SHOWN)
    newest = comments.select_related("author", "document").order_by("-id")[:ENTRIES]
    return [
        Item(
            key=comment.permalink,
            title=f"{comment.author.shown_name} on {comment.document.slug}",
            path=comment.permalink,
            text=comment.text,
            at=comment.edited_at or comment.created_at,
            by=comment.author.shown_name,
        )
        for comment in newest
    ]
