"""One's own webhooks: the list, a form for one more, and for each its settings, its acts and its log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from people.access.person import signed_in
from rest.messages import ring
from webhooks import keeping
from webhooks.forms import HookForm
from webhooks.models import Delivery, Hook

SHOWN = 50
ACTS = {
    "ping": "A test is on its way: look at the log in a moment.",
    "disable": "Disabled. What waited is given up.",
    "enable": "Enabled: it is told what happens from now on.",
    "delete": "Deleted, with its log.",
}


@require_http_methods(["GET", "POST"])
@login_required
def hooks(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = HookForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = keeping.add(user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _page(request, made, made.secret)
    page = {
        "form": form,
        "hooks": Hook.objects.filter(owner=user).order_by("pk"),
        "most": Hook.MOST_A_PERSON,
        "here": "account",
    }
    return render(request, "webhooks/hooks.html", page, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def hook(request: HttpRequest, pk: int) -> HttpResponse:
    found = _mine(request, pk)
    if request.method == "GET":
        return _page(request, found)
    form = HookForm(signed_in(request), request.POST)
    if not form.is_valid():
        return _page(request, found, form=form)
    for name, value in form.cleaned_data.items():
        setattr(found, name, value)
    found.save(update_fields=list(form.cleaned_data))
    messages.success(request, "Saved.")
    return redirect("webhook", pk)


@require_POST
@login_required
def act(request: HttpRequest, pk: int) -> HttpResponse:
    found, wanted = _mine(request, pk), request.POST.get("act", "")
    if wanted == "rotate":
        return _page(request, found, keeping.rotate(found))
    if wanted not in ACTS:
        return redirect("webhook", pk)
    if wanted == "ping" and found.disabled_at is None:
        keeping.ping(found)
        ring("hooks.tell")
    elif wanted == "disable":
        keeping.disable(found)
    elif wanted == "enable":
        keeping.enable(found)
    elif wanted == "delete":
        found.delete()
    messages.success(request, ACTS[wanted])
    return redirect("webhooks") if wanted == "delete" else redirect("webhook", pk)


@require_http_methods(["GET", "POST"])
@login_required
def delivery(request: HttpRequest, pk: int, delivery: UUID) -> HttpResponse:
    """One message as it was sent; posted to, it is sent again."""
    found = get_object_or_404(Delivery, pk=delivery, hook=_mine(request, pk))
    if request.method == "GET":
        return render(request, "webhooks/delivery.html", {"one": found, "hook": found.hook, "here": "account"})
    if keeping.send_again(found):
        ring("hooks.tell")
        messages.success(request, "It is on its way again, with the id that it had.")
    else:
        messages.error(request, "It is on its way already, or its webhook is disabled.")
    return redirect("webhook", pk)


def _page(request: HttpRequest, found: Hook, secret: str = "", form: HookForm | None = None) -> HttpResponse:
    """`secret` is shown this once, and by no cache again."""
    given = {name: getattr(found, name) for name in ("url", "verbs", "case", "kernel", "machine")}
    latest: Any = found.deliveries.order_by("-created_at", "-pk").defer("body")
    page = {
        "hook": found,
        "secret": secret,
        "form": form or HookForm(signed_in(request), initial=given),
        "deliveries": latest[:SHOWN],
        "nr_waiting": found.deliveries.filter(state=Delivery.State.WAITING).count(),
        "here": "account",
    }
    answer = render(request, "webhooks/hook.html", page, status=422 if form else 200)
    if secret:
        answer["Cache-Control"] = "no-store"
    return answer


def _mine(request: HttpRequest, pk: int) -> Hook:
    return get_object_or_404(Hook, pk=pk, owner=signed_in(request))
