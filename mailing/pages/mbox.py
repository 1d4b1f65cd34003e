"""`/cases/SLUG/mail` and `/strategies/SLUG/mail`: an mbox that begins a discussion where kernel people are."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_safe

from catalog.models import Case, Document
from mailing.letters import of_document


@require_safe
def case(request: HttpRequest, slug: str) -> HttpResponse:
    found = Case.objects.visible_to(request.user, proposals=True).select_related("document__current").named(slug)
    if found is None:
        raise Http404("There is no such case.")
    if found.slug != slug:
        return redirect("case-mail", found.slug)
    return _answer(found.document)


@require_safe
def strategy(request: HttpRequest, slug: str) -> HttpResponse:
    visible = Document.objects.visible_to(request.user).select_related("current", "strategy")
    return _answer(get_object_or_404(visible, kind="strategy", slug=slug))


def _answer(document: Document) -> HttpResponse:
    answer = HttpResponse(of_document.mbox(document), content_type="application/mbox")
    answer["Content-Disposition"] = f'attachment; filename="{document.slug}.mbox"'
    return answer
