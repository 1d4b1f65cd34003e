"""What a document was: its revisions and what was done to it, the difference of any two, and what is kept unsaved."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString

from catalog.documents.line_diff import diff
from catalog.editing.views import find
from catalog.models import Document, Revision, Unsaved
from catalog.revisions import review
from catalog.text.mentions import Mentions
from people.models import Event

A_PAGE = 50


@dataclass(frozen=True)
class Entry:
    """One thing that happened: a revision, or a move from one state to another."""

    revision: Revision | None
    event: Event | None
    before: int | None
    """The revision before this one that the reader may see."""
    why: SafeString | None = None


def history(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """The latest first, 50 revisions a page. Three queries, one where somebody is signed in, and what reasons name."""
    document = find(request, kind, slug)
    before = _number(request, "before")
    found = Revision.objects.visible_to(request.user).filter(document=document).select_related("author").defer("text")
    revisions = list((found.filter(n__lt=before) if before else found).order_by("-n")[: A_PAGE + 1])
    shown = revisions[:A_PAGE]
    if not shown:
        raise Http404("There is no such revision.")
    earlier = [revision.n for revision in revisions[1:]] + [None]
    lines = [Entry(revision, None, n) for revision, n in zip(shown, earlier, strict=False)]
    moved = list(review.acts_on(document))
    words = Mentions([event.data.get("reason", "") for event in moved], request.user)
    for event in moved:
        if event.data.get("n") in {revision.n for revision in shown} and not event.verb.endswith(".proposed"):
            place = next(i for i, line in enumerate(lines) if line.revision and line.revision.n == event.data["n"])
            lines.insert(place, Entry(None, event, None, words.html(event.data.get("reason", ""))))
    page = {
        "document": document,
        "lines": lines,
        "a": shown[1].n if len(shown) > 1 else shown[0].n,
        "b": shown[0].n,
        "is_newest": not before,
        "more": shown[-1].n if len(revisions) > A_PAGE else None,
        "may_edit": review.may_edit(request.user, document),
        "here": _here(document),
    }
    return render(request, "catalog/history.html", page)


def difference(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """What changed from revision `a` to revision `b`."""
    document = find(request, kind, slug)
    numbers = {_number(request, "a"), _number(request, "b")}
    found = Revision.objects.visible_to(request.user).filter(document=document, n__in=numbers)
    found = found.select_related("author", "document")
    by_number = {revision.n: revision for revision in found}
    if not numbers <= by_number.keys():
        raise Http404("There are no such revisions. Say which two: ?a=1&b=2")
    a, b = by_number[_number(request, "a")], by_number[_number(request, "b")]
    if not (review.may_read(request.user, a) and review.may_read(request.user, b)):
        raise Http404("One of these texts names something that is not public yet.")
    page = {
        "document": document,
        "a": a,
        "b": b,
        "diff": diff(a.text, b.text),
        "may_edit": review.may_edit(request.user, document),
        "here": _here(document),
    }
    return render(request, "catalog/difference.html", page)


@login_required
def kept(request: HttpRequest, kind: str, slug: str, pk: int) -> HttpResponse:
    """What somebody has written and not saved, as its difference from the revision that it began at."""
    document = find(request, kind, slug)
    unsaved = Unsaved.objects.visible_to(request.user).filter(document=document, pk=pk).select_related("author").first()
    if unsaved is None:
        raise Http404("There is no such text.")
    base = document.revisions.filter(n=unsaved.base).first()
    page = {
        "document": document,
        "unsaved": unsaved,
        "diff": diff(base.text if base else "", unsaved.text),
        "here": _here(document),
    }
    return render(request, "catalog/kept.html", page)


def _number(request: HttpRequest, name: str) -> int:
    """A revision's number from the address; 0, which no revision has, for anything else."""
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def _here(document: Document) -> str:
    return "cases" if document.kind == "case" else "strategies"
