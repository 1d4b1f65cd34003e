"""What people propose: the forms, the public list of proposed cases, and what an editor does with one."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Case as Choice
from django.db.models import F, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from catalog.documents.parser import Malformed
from catalog.editing.case_form import CaseForm
from catalog.editing.strategy_form import StrategyForm
from catalog.models import Case, Document, Revision
from catalog.models.text import PROPOSALS, Origin, State
from catalog.revisions import states, store, unendorsed
from catalog.text.mentions import Mentions
from people.access.person import demand
from people.journal import VERBS
from people.models import Event, User, may
from rest import parameters

A_PAGE = 50


@login_required
def propose_case(request: HttpRequest) -> HttpResponse:
    person = demand(request, "propose", "Your role may read, not propose.")
    may_draft = may(person, "see drafts")
    state = State.DRAFT if may_draft and request.POST.get("act") == "draft" else State.PROPOSED
    form = CaseForm(request.POST or None, takes_names=state == State.DRAFT)
    if request.method == "POST" and form.is_valid():
        who = {"origin": Origin.SITE, "author": person, "new": True, "state": state}
        try:
            with transaction.atomic():
                unendorsed.room_for(person)
                return redirect(store.save(form.cleaned_data["text"], **who).document)
        except (Malformed, unendorsed.TooManyWait) as error:
            form.add_error(None, str(error))
    page = {"form": form, "may_draft": may_draft, "here": "cases"}
    return render(request, "catalog/propose_case.html", page, status=422 if form.errors else 200)


@login_required
def propose_strategy(request: HttpRequest) -> HttpResponse:
    person = demand(request, "propose", "Your role may read, not propose.")
    if not (person.vouched or may(person, "edit")):
        raise PermissionDenied("Comment first: this opens once a moderator has let your first comment through.")
    initial = {"case_1": request.GET.get("case", "")}
    form = StrategyForm(person, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            revision = store.save(form.cleaned_data["text"], origin=Origin.SITE, author=person, new=True)
            return redirect(revision.document)
        except Malformed as error:
            form.add_error(None, str(error))
    status = 422 if form.errors else 200
    return render(request, "catalog/propose_strategy.html", {"form": form, "here": "strategies"}, status=status)


@dataclass(frozen=True)
class Proposal:
    case: Case
    by: User | None
    last: Event | None
    """The last thing that was done to it: proposed, declined, reopened."""
    why: SafeString | None = None


def proposed(request: HttpRequest) -> HttpResponse:
    """What waits, the longest first, then what was declined, the latest first. Four queries, and what reasons name."""
    in_turn = Choice(When(document__state=State.PROPOSED, then=F("pk")), default=-F("pk"))
    rows_in_order = (
        Case.objects.visible_to(request.user, proposals=True)
        .filter(document__state__in=PROPOSALS)
        .select_related("document")
        .order_by("-document__state", in_turn)
    )
    parameters.demand_known(request, "page", every=())
    shown = Paginator(rows_in_order, A_PAGE).get_page(request.GET.get("page"))
    found = list(shown)
    first = Revision.objects.filter(n=1, document__in=[case.pk for case in found]).select_related("author")
    authors = {revision.document_id: revision.author for revision in first.defer("text")}
    verbs = ("case.proposed", "case.renamed", "case.declined", "case.reopened")
    told = Event.objects.filter(subject_kind="case", subject__in=[case.slug for case in found], verb__in=verbs)
    events: dict[str, list[Event]] = {}
    for event in told.select_related("actor").order_by("id"):
        events.setdefault(event.subject, []).append(event)
    words = Mentions([_reason(told[-1]) for told in events.values()], request.user)
    rows = [
        Proposal(case, authors.get(case.pk), last := events[case.slug][-1], words.html(_reason(last)))
        if case.slug in events
        else Proposal(case, authors.get(case.pk), None)
        for case in found
    ]
    page = {
        "waiting": [row for row in rows if row.case.document.state == State.PROPOSED],
        "declined": [row for row in rows if row.case.document.state == State.DECLINED],
        "page": shown,
        "here": "cases",
    }
    return render(request, "catalog/proposed.html", page)


def _reason(event: Event) -> str:
    return str(event.data.get("reason", ""))


@require_POST
@login_required
def move(request: HttpRequest, kind: str, slug: str) -> HttpResponse:
    """Accept, decline, publish, withdraw: one act on a whole document, as its editor read it."""
    document = Document.objects.visible_to(request.user).filter(kind=kind, slug=slug).first()
    if document is None:
        raise Http404(f"There is no such {kind}.")
    person = demand(request, "edit", "Your role may not decide this.")
    given = request.POST.get("n", "")
    n = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    reason = request.POST.get("reason", "").replace("\x00", "")[:1_000]
    try:
        states.move(document, request.POST.get("act", ""), person, n, reason)
    except states.NotPossible as error:
        messages.error(request, str(error))
    else:
        done = next(move.done for move in states.MOVES if move.act == request.POST["act"])
        messages.success(request, f"You {VERBS[f'{kind}.{done}']}.")
    return redirect(document)
