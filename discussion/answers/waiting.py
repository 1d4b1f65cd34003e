"""Mail of people whose address nobody knows: an editor lets it through, beside the mail of the list, or declines it."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from catalog.models import Document
from catalog.pages.inbox import Queue
from discussion.answers import reading
from discussion.mail import importer
from discussion.models import Incoming
from people.access.person import demand
from people.models import User
from rest.bounds import bounded

SHOWN = 100
REFUSAL = "Moderators look after mail that came in."


def queues(person: User) -> Iterable[Queue]:
    waiting = Incoming.objects.filter(fate=Incoming.Fate.WAITING).count()
    yield Queue("Mail of strangers", waiting, reverse("incoming"), "Let it through, or decline it.")


@require_http_methods(["GET", "POST"])
@login_required
def incoming(request: HttpRequest) -> HttpResponse:
    person = demand(request, "moderate", REFUSAL)
    if request.method == "POST":
        return _decide(request, person)
    visible = Document.objects.visible_to(person).values("pk")
    mails = Incoming.objects.filter(document__in=visible).select_related("document", "to", "comment").defer("raw")
    page = {
        "waiting": mails.filter(fate=Incoming.Fate.WAITING).order_by("pk")[:SHOWN],
        "latest": mails.exclude(fate=Incoming.Fate.WAITING).order_by("-pk")[:SHOWN],
        "here": "moderation",
    }
    return render(request, "discussion/incoming.html", page)


def _decide(request: HttpRequest, person: User) -> HttpResponse:
    given = request.POST.get("mail", "")
    is_number = given.isascii() and given.isdigit() and len(given) < 19
    found = get_object_or_404(Incoming, pk=int(given) if is_number else 0)
    act = request.POST.get("act", "")
    if act not in ("let-through", "decline"):
        return redirect("incoming")
    if decide(found, person, act == "let-through"):
        messages.success(request, "Let through, beside the mail of the list." if act == "let-through" else "Declined.")
    else:
        messages.error(request, "Somebody decided about it meanwhile.")
    return redirect("incoming")


@transaction.atomic
def decide(mail: Incoming, by: User, is_let_through: bool) -> bool:
    """Let through, it stands as a letter of its author, like one of the list: nobody's account says it."""
    fate = Incoming.Fate.LET_THROUGH if is_let_through else Incoming.Fate.DECLINED
    waiting = Incoming.objects.filter(pk=mail.pk, fate=Incoming.Fate.WAITING)
    if not waiting.update(fate=fate, decided_by=by, decided_at=timezone.now()):
        return False
    if is_let_through and mail.document is not None:
        raw = bytes(mail.raw)
        read = bounded.call(reading.read, raw, nr_bytes=len(raw))
        importer.take([read.letter], [mail.document], by)
    return True


@require_GET
@login_required
def whole(request: HttpRequest, pk: int) -> HttpResponse:
    """Byte for byte as it came, as a file: nothing of it is shown as a page."""
    demand(request, "moderate", REFUSAL)
    visible = Document.objects.visible_to(request.user).values("pk")
    found = get_object_or_404(Incoming, pk=pk, document__in=visible)
    answer = HttpResponse(bytes(found.raw), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="mail-{found.pk}.eml"'
    return answer
