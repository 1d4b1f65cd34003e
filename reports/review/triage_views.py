"""The groups of unmatched observations in the browser: looked at by anybody, ruled on by editors."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from catalog.documents.parser import Malformed
from people.access.person import demand
from people.models import may
from reports.models import Observation
from reports.review import promotion, triage
from reports.review.forms import PromoteForm, RulingForm
from rest import parameters

LATEST = 20
NOTHING_COUNTS = "Nothing that counts looks like this: the machines that sent it were withdrawn."


def unmatched(request: HttpRequest) -> HttpResponse:
    parameters.demand_known(request, "show", "page", every=())
    is_ruled = request.GET.get("show") == "ruled"
    rows = Paginator(triage.ruled(request.user) if is_ruled else triage.groups(), 50).get_page(request.GET.get("page"))
    page = {"page": rows, "is_ruled": is_ruled, "here": "reports"}
    if not is_ruled:
        page["groups"] = triage.with_samples(list(rows))
    return render(request, "reports/unmatched.html", page)


def group(request: HttpRequest, fingerprint: str) -> HttpResponse:
    found = triage.group(fingerprint, request.user)
    if found is None:
        raise Http404("Nothing that is kept looks like this.")
    latest = Observation.objects.filter(fingerprint=fingerprint).select_related("build", "report__machine")
    page = {
        "group": found,
        "latest": latest.order_by("-report__received_at", "-id")[:LATEST],
        "form": RulingForm(request.user) if may(request.user, "judge") else None,
        "here": "reports",
    }
    return render(request, "reports/group.html", page)


@require_POST
def rule(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """One act of an editor on a group: this case, noise, or take it back."""
    person = demand(request, "judge", "Ruling on observations is for editors.")
    found = triage.group(fingerprint, person)
    if found is None:
        raise Http404("Nothing that is kept looks like this.")
    form = RulingForm(person, request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(fault) for faults in form.errors.values() for fault in faults))
    elif form.cleaned_data["word"] == "back":
        taken = triage.unrule(fingerprint, person)
        done = "Ruling taken back. The reports are being read again." if taken else "There was no ruling to take back."
        messages.success(request, done)
    elif not found.nr_observations:
        messages.error(request, NOTHING_COUNTS)
    else:
        try:
            triage.rule(fingerprint, person, form.cleaned_data["case"], form.cleaned_data["note"])
        except triage.AlreadyRuled as error:
            messages.error(request, f"{error}. Take that back first.")
        else:
            messages.success(request, "Ruling saved. The stored reports are being read again.")
    return redirect("group", fingerprint)


def promote(request: HttpRequest, fingerprint: str) -> HttpResponse:
    """A draft case of a group that no case explains: three words by an editor, the rest is written later."""
    person = demand(request, "judge", "Drafting a case is for editors.")
    found = triage.group(fingerprint, person)
    if found is None:
        raise Http404("Nothing that is kept looks like this.")
    if not found.nr_observations:
        messages.error(request, NOTHING_COUNTS)
        return redirect("group", fingerprint)
    form = PromoteForm(request.POST or None)
    if form.is_valid():
        try:
            case = promotion.promote(found, person, form.cleaned_data)
        except Malformed as error:
            form.add_error("title", str(error))
        except triage.AlreadyRuled as error:
            form.add_error(None, f"{error}. Take that back first.")
        else:
            messages.success(request, "Draft case made. Only editors see it until it is published.")
            return redirect(case.get_absolute_url())
    return render(request, "reports/promote.html", {"group": found, "form": form, "here": "reports"})
