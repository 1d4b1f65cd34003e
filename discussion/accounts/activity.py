"""One person in public: what they did here, as far as the reader may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from catalog.models import Document
from discussion.models import Comment
from people import journal
from people.models import Event, User, may

SHOWN = 50
# What a page about somebody tells. What moderators do, and what was done to somebody, is told at its place.
TOLD = ("case.revised", "strategy.revised", "strategy.proposed", "comment.made")


@dataclass(frozen=True)
class Done:
    """One line: when, what, and to which case or strategy."""

    at: datetime
    said: str
    address: str
    subject: str


def person(request: HttpRequest, name: str) -> HttpResponse:
    found = get_object_or_404(User, username=name.replace("\x00", ""))
    page = {
        "person": found,
        "done": activity(found, request.user),
        "machines": found.machines.order_by("name"),
        "may_ban": may(request.user, "ban") and found != request.user,
        "is_self": found == request.user,
    }
    return render(request, "people/person.html", page)


def activity(found: User, reader: object) -> list[Done]:
    """The newest things that somebody did to what `reader` may see, newest first. Three queries."""
    documents = {
        (d.kind, d.slug): d for d in Document.objects.visible_to(reader).filter(revisions__author=found).distinct()
    }
    comments = Comment.objects.visible_to(reader).filter(author=found).select_related("document").order_by("-id")
    seen = {c.pk: c for c in comments[:SHOWN]}
    done = []
    for event in Event.objects.filter(actor=found, verb__in=TOLD).order_by("-id")[: 4 * SHOWN]:
        comment = seen.get(event.data.get("comment", 0))
        document = comment.document if comment else documents.get((event.subject_kind, event.subject))
        if document is None or (event.verb == "comment.made" and comment is None):
            continue
        address = comment.permalink if comment else document.get_absolute_url()
        done.append(Done(event.at, journal.said(event.verb), address, document.slug))
    return done[:SHOWN]
