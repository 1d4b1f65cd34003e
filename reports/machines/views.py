"""Machines and their tokens: everybody sees who sends, owners hand out tokens, maintainers say whose results count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from people.access import machines as keeping
from people.access.person import demand, signed_in
from people.models import Machine, Scope, Standing, Token, may
from reports.intake.bell import ring_acts
from reports.machines.forms import MachineForm, TokenForm
from reports.models import Report
from reports.pages.rows import ledger_rows
from reports.review import trust
from reports.totals import counters, recounts

# What a maintainer may make of a machine, by what it is: the new standing, and what the button says.
ACTS = {
    Standing.NEW: ((Standing.TRUSTED, "Trust this machine"), (Standing.WITHDRAWN, "Withdraw its reports")),
    Standing.TRUSTED: ((Standing.WITHDRAWN, "Withdraw its reports"), (Standing.NEW, "Stop trusting it")),
    Standing.WITHDRAWN: ((Standing.TRUSTED, "Count its reports again"), (Standing.NEW, "Put it on hold")),
}
# And what its owner may: a machine that measured wrongly is known to them first. A maintainer may undo it.
OWNERS_ACTS = ((Standing.WITHDRAWN, "Withdraw its reports"),)
# What is said before the button is there. The acts without a sentence hurt nobody.
HURTS = {
    (Standing.TRUSTED, Standing.NEW): "Its reports are kept, and stop counting as evidence until it is trusted again.",
    (Standing.NEW, Standing.WITHDRAWN): "None of its reports will count as evidence. A maintainer can undo it.",
    (Standing.TRUSTED, Standing.WITHDRAWN): "None of its reports will count as evidence. A maintainer can undo it.",
}
# What follows, once it is done.
DONE = {
    Standing.NEW: "is no longer trusted. Its reports are kept but not counted.",
    Standing.TRUSTED: "is trusted. Its reports are being counted.",
    Standing.WITHDRAWN: "is withdrawn. Its reports are kept but not counted.",
}
SAID = {
    Standing.NEW: "new: what it sends is kept and shown, and counts once a maintainer trusts it",
    Standing.TRUSTED: "trusted: what it sends counts",
    Standing.WITHDRAWN: "withdrawn: nothing that it sent counts",
}

# What a token with this scope may do.
SCOPES = {
    Scope.SUBMIT: "send reports",
    Scope.READ: "read what you may read, drafts too where you may",
    Scope.CURATE: "write in your name: texts, comments, strategies",
    Scope.SUBMIT_FOR: "with submit: send for your other machines too, by their names",
    Scope.MACHINES: "add machines of yours, and make, renew and revoke their tokens, with no more rights than its own",
}


def machines(request: HttpRequest) -> HttpResponse:
    """The list, those first that wait; and for whoever may, a form for one more."""
    form = MachineForm(request.POST or None)
    if request.method == "POST":
        return _add(request, form)
    return _list(request, form)


def _list(request: HttpRequest, form: MachineForm, status: int = 200) -> HttpResponse:
    rows = Machine.objects.select_related("owner")
    sent = counters.by_machine()
    ordered = sorted(rows, key=lambda row: (row.standing != Standing.NEW, row.name))
    page = {
        "rows": [(row, *sent.get(row.pk, (0, None))) for row in ordered],
        "form": form,
        "may_own": may(request.user, "own machines"),
        "here": "reports",
    }
    return render(request, "reports/machines.html", page, status=status)


def _add(request: HttpRequest, form: MachineForm) -> HttpResponse:
    person = demand(request, "own machines", "Sign in to add a machine of yours.")
    if not form.is_valid():
        return _list(request, form, 422)
    try:
        secret = keeping.add(form.cleaned_data["name"], person)
    except ValidationError as error:
        form.add_error("name", error.messages)
        return _list(request, form, 422)
    return _machine_page(request, Machine.objects.get(name=form.cleaned_data["name"]), secret)


def machine(request: HttpRequest, name: str) -> HttpResponse:
    return _machine_page(
        request, get_object_or_404(Machine.objects.select_related("owner"), name=name.replace("\x00", ""))
    )


def _counts(machine: Machine) -> dict[str, Any]:
    states = counters.by_state(machine)
    newest = Report.objects.filter(machine=machine).order_by("-received_at").values_list("received_at", flat=True)
    return {"sent": sum(states.values()), "settled": states["settled"], "last_at": newest.first()}


def _machine_page(request: HttpRequest, row: Machine, secret: str = "") -> HttpResponse:
    """`secret` is shown this once, and by no cache again."""
    is_mine = _is_mine(request, row)
    latest = list(Report.objects.filter(machine=row).newest()[:10])
    page = {
        "machine": row,
        "said": SAID[Standing(row.standing)],
        "secret": secret,
        "is_mine": is_mine,
        "tokens": list(row.tokens.order_by("-created_at")) if is_mine else [],
        "now": timezone.now(),
        "scopes": SCOPES.items(),
        "acts": [(to, label, HURTS.get((Standing(row.standing), to), "")) for to, label in _acts(request, row)],
        "is_for_good": is_mine and not may(request.user, "manage machines"),
        "counts": _counts(row),
        "nr_uncounted": recounts.nr_left(row),
        "latest": ledger_rows.of(latest, request.user),
        "nr_latest": len(latest),
        "here": "reports",
    }
    answer = render(request, "reports/machine.html", page)
    if secret:
        answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@login_required
def token(request: HttpRequest, name: str) -> HttpResponse:
    """Makes a token, or with `token`, gives it a new secret or takes it back."""
    row = get_object_or_404(Machine.objects.select_related("owner"), name=name.replace("\x00", ""))
    if not _is_mine(request, row):
        raise PermissionDenied("Tokens are for the machine's owner.")
    person = signed_in(request)
    given = request.POST.get("token", "")
    if given:
        number = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else 0
        found = get_object_or_404(
            Token,
            pk=number,
            machine=row,
            revoked_at=None,
        )
        if request.POST.get("act") == "revoke":
            keeping.revoke(found, person)
            messages.success(request, f"Token {found.prefix}… revoked. Requests with it now get 401.")
            return redirect("machine", name)
        return _machine_page(request, row, keeping.rotate(found, person))
    form = TokenForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(fault) for faults in form.errors.values() for fault in faults))
        return redirect("machine", name)
    days = form.cleaned_data["days"]
    ends = timezone.now() + timedelta(days=days) if days else None
    secret = keeping.make_token(row, person, tuple(form.cleaned_data["scopes"]), ends)
    return _machine_page(request, row, secret)


@require_POST
@login_required
def standing(request: HttpRequest, name: str) -> HttpResponse:
    row = get_object_or_404(Machine, name=name.replace("\x00", ""))
    wanted = request.POST.get("standing", "")
    if wanted not in [act for act, _ in _acts(request, row)] and not may(request.user, "manage machines"):
        raise PermissionDenied("Whose results count is for maintainers to say.")
    person = signed_in(request)
    if wanted in Standing.values:
        trust.let_stand(row, Standing(wanted), person)
        ring_acts()
        messages.success(request, f"{row.name} {DONE[Standing(wanted)]}")
    return redirect("machine", name)


def _acts(request: HttpRequest, row: Machine) -> tuple[tuple[Standing, str], ...]:
    if may(request.user, "manage machines"):
        return ACTS[Standing(row.standing)]
    return OWNERS_ACTS if _is_mine(request, row) and row.standing != Standing.WITHDRAWN else ()


def _is_mine(request: HttpRequest, row: Machine) -> bool:
    user: Any = request.user
    return bool(user.is_authenticated and row.owner_id == user.pk)
