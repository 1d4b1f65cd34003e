"""Sharing a diagnosed text as evidence: shown as the public would see it, then queued, then decided on by an editor."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from people.access.person import signed_in
from people.models import User, may
from reports.diagnose import redacted, sharing
from reports.diagnose.forms import ShareForm
from reports.diagnose.views import MAX_TEXT_BYTES, Given, TooLarge, form_given
from reports.diagnose.with_catalog import diagnosed
from reports.intake import inbox
from reports.intake.bell import bell
from reports.intake.refusals import Refusal
from reports.models import Shared
from rest.bounds import bounded, limits


@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """Step one shows what is hidden; step two, `agreed`, keeps the text for an editor."""
    try:
        given = form_given(request)
    except TooLarge:
        page = {"is_too_large": True, "most_bytes": MAX_TEXT_BYTES, "here": "diagnose"}
        return render(request, "reports/diagnose.html", page, status=413)
    if given is None:
        return redirect("diagnose")
    try:
        # Reading the text costs most here, and who filled the form in needs no proposal of what it may say.
        is_filled = "architecture" in request.POST
        form = ShareForm(request.POST) if is_filled else ShareForm(initial=_initial(request, given))
        seen = bounded.call(redacted.preview, given.text, nr_bytes=len(given.text))
    except (Refusal, bounded.TooLong):
        page = {"is_too_slow": True, "most_bytes": MAX_TEXT_BYTES, "here": "diagnose"}
        return render(request, "reports/diagnose.html", page, status=422)
    if form.is_valid() and form.cleaned_data["agreed"]:
        said = form.cleaned_data
        limits.spend(request, "share")
        offer = sharing.Offer(given.text, said["kernel"], said["architecture"], said["environment"], said["note"])
        try:
            person = request.user if isinstance(request.user, User) else None
            made = sharing.share(offer, person, limits.client_key(request))
        except sharing.TooMuch:
            form.add_error(None, "So much of yours waits that no more is taken until an editor has looked at it.")
        except sharing.QueueFull:
            more = "" if person else " There is more room for those who signed in."
            form.add_error(None, f"So many texts wait that no more are taken until an editor has looked at some.{more}")
        else:
            return redirect("shared", made.pk)
    page = {"given": given, "form": form, "hidden": seen, "here": "diagnose"}
    return render(request, "reports/share.html", page, status=400 if form.is_bound and not form.is_valid() else 200)


def _initial(request: HttpRequest, given: Given) -> dict[str, str]:
    made = diagnosed(given.text, request.user, given.release)
    return {"kernel": made.release, "architecture": made.diagnosis.architecture or "x86_64"}


def shared(request: HttpRequest, shared: UUID) -> HttpResponse:
    """How far a shared text has got. Its content is for its sender and for editors until it is taken in."""
    row = get_object_or_404(Shared.objects.select_related("person", "decided_by", "report"), pk=shared)
    is_mine = row.person_id is not None and row.person_id == request.user.pk
    may_judge = may(request.user, "judge")
    page = {"shared": row, "is_mine": is_mine, "may_judge": may_judge, "here": "reports"}
    if row.body is not None and (is_mine or may_judge):
        page["text"] = _text(row)
    return render(request, "reports/shared.html", page)


def _text(row: Shared) -> str:
    """As the public would see it."""
    text = inbox.unpacked(row).decode("utf-8", "replace")
    try:
        return bounded.call(redacted.preview, text, nr_bytes=len(text)).text
    except bounded.TooLong:
        return "Reading this text takes too long, so it is not shown. Turn it down."


def queue(request: HttpRequest) -> HttpResponse:
    if not may(request.user, "judge"):
        raise PermissionDenied("What people shared is looked at by editors first.")
    rows = Paginator(Shared.objects.waiting().defer("body"), 50).get_page(request.GET.get("page"))
    return render(request, "reports/queue.html", {"page": rows, "here": "reports"})


@require_POST
@login_required
def decide(request: HttpRequest, shared: UUID) -> HttpResponse:
    """`act`: take in, or turn down with an answer, for editors; withdraw, for its sender."""
    person = signed_in(request)
    act = request.POST.get("act")
    if act != "withdraw" and not may(person, "judge"):
        raise PermissionDenied("What people shared is decided on by editors.")
    try:
        if act == "withdraw":
            sharing.withdraw(shared, person)
            messages.success(request, "Log withdrawn and deleted.")
            return redirect("diagnose")
        if act == "take":
            report = sharing.take_in(shared, person)
            bell.ring()
            return redirect("report", report.pk)
        sharing.turn_down(shared, person, request.POST.get("answer", "").replace("\x00", "")[:500])
        messages.success(request, "Log turned down and deleted.")
    except sharing.SenderTaken:
        messages.error(request, f"The name {sharing.SENDER} is somebody's. A maintainer must rename them first.")
    except sharing.NotWaiting:
        messages.error(request, "Somebody else has decided on this log already.")
    return redirect("shared-queue")
