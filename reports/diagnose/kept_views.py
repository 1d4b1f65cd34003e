"""A result with an address: shown as it would be kept, then kept, then read again for whoever has the address."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from people.models import User
from reports.diagnose import keeping, redacted
from reports.diagnose.reading import PLAIN
from reports.diagnose.views import MAX_TEXT_BYTES, Given, TooLarge, form_given, plain, told
from reports.diagnose.with_catalog import diagnosed
from reports.intake.refusals import Refusal
from reports.models import Kept
from rest.bounds import bounded, limits

_HEADERS = {"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "private, no-store"}


@require_POST
def keep(request: HttpRequest) -> HttpResponse:
    """Step one shows what will be kept; step two, `agreed`, keeps it."""
    page = {"most_bytes": MAX_TEXT_BYTES, "here": "diagnose"}
    try:
        given = form_given(request)
        if given is None:
            return redirect("diagnose")
        seen = bounded.call(redacted.preview, given.text, nr_bytes=len(given.text))
    except TooLarge:
        return render(request, "reports/diagnose.html", {**page, "is_too_large": True}, status=413)
    except bounded.TooLong:
        return render(request, "reports/diagnose.html", {**page, "is_too_slow": True}, status=422)
    refused = ""
    if request.POST.get("agreed"):
        limits.spend(request, "share")
        person = request.user if isinstance(request.user, User) else None
        try:
            made, key = keeping.keep(seen.text, given.release, person, limits.client_key(request))
        except keeping.Full as full:
            refused = str(full)
        else:
            messages.success(request, f"Kept. The key that deletes it, shown this once: {key}")
            return redirect("kept", made.pk)
    page = {**page, "given": given, "hidden": seen, "days": settings.KEEP_DAYS["results"], "refused": refused}
    return render(request, "reports/keep.html", page, status=400 if refused else 200)


@require_safe
def kept(request: HttpRequest, kept: UUID) -> HttpResponse:
    """Read anew with the signatures of today: for a browser as a page, for curl as text."""
    limits.spend(request, "diagnose")
    row = _found(kept)
    given = Given(keeping.text_of(row), row.release)
    wants_page = limits.wants_page(request)
    try:
        if wants_page:
            page = {**told(given, request.user), "kept": row, "here": "diagnose", "days": settings.KEEP_DAYS["results"]}
            page["may_delete"] = keeping.may_delete(row, request.user)
            answer = render(request, "reports/kept.html", page)
        else:
            answer = plain(diagnosed(given.text, request.user, given.release, PLAIN))
    except Refusal as refusal:
        answer = limits.refused(request, 422, "Reading this text takes too long.", str(refusal))
    for name, value in _HEADERS.items():
        answer[name] = value
    answer["Vary"] = "Accept, Cookie"
    return answer


@require_POST
def delete(request: HttpRequest, kept: UUID) -> HttpResponse:
    limits.spend(request, "share")
    try:
        keeping.delete(_found(kept), request.user, request.POST.get("key", "")[:200])
    except keeping.NotTheirs:
        messages.error(request, "That is not its key. Nothing was deleted.")
        return redirect("kept", kept)
    messages.success(request, "Deleted. Nothing of it was kept.")
    return redirect("diagnose")


def _found(kept: UUID) -> Kept:
    row = Kept.objects.live().filter(pk=kept).first()
    if row is None:
        raise Http404("There is no such result. One goes when its time is over, or when its maker deletes it.")
    return row
