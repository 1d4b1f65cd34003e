"""The outbox, for maintainers: what waits, what is in doubt and waits for a word, to whom mail is paused."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from mailing.models import Notice, Trouble
from mailing.outbox import sending
from people import journal
from people.access.person import demand

SHOWN = 100
REFUSAL = "The outbox is for maintainers."


@require_http_methods(["GET", "POST"])
@login_required
def outbox(request: HttpRequest) -> HttpResponse:
    demand(request, "manage machines", REFUSAL)
    if request.method == "POST":
        return _act(request)
    counted = Notice.objects.values("state").annotate(nr=Count("pk"), oldest=Min("due_at"), newest=Max("settled_at"))
    counts = {row["state"]: row for row in counted.order_by()}
    listed = Notice.objects.select_related("user", "event", "follow__document")
    doubtful = listed.filter(state__in=[Notice.State.IN_DOUBT, Notice.State.GIVEN_UP])
    page = {
        "counts": [(state.label, counts.get(state.value)) for state in Notice.State],
        "doubtful": [(one, journal.said(one.event.verb)) for one in doubtful.order_by("state", "-pk")[:SHOWN]],
        "latest": [
            (one, journal.said(one.event.verb))
            for one in listed.filter(tried_at__isnull=False).order_by("-tried_at", "-pk")[:SHOWN]
        ],
        "troubles": Trouble.objects.select_related("user").order_by("-bounced_at")[:SHOWN],
        "shown": SHOWN,
        "most": Trouble.MOST,
        "here": "account",
    }
    return render(request, "mailing/outbox.html", page)


def _act(request: HttpRequest) -> HttpResponse:
    given, act = request.POST.get("notice", ""), request.POST.get("act", "")
    is_number = given.isascii() and given.isdigit() and len(given) < 19
    notice = get_object_or_404(Notice, pk=int(given) if is_number else 0)
    if act == "again" and sending.send_again(notice):
        messages.success(request, "It waits again, and may arrive a second time.")
    elif act == "let-be" and sending.let_be(notice):
        messages.success(request, "It is left at that.")
    else:
        messages.error(request, "It is no longer in doubt.")
    return redirect("outbox")
