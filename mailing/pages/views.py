"""Following on pages: a form for one thing, all that somebody follows, and the way out that every mail has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import Document
from catalog.pages.sections import Part
from mailing.follows import following, subjects
from mailing.follows.subjects import Shown
from mailing.letters import tokens
from mailing.models import Cadence, Follow, Trouble
from people.access.person import signed_in
from people.models import User

MEANINGS = {
    Cadence.AT_ONCE: "a mail for each thing that happens, soon after it happened",
    Cadence.DAILY: "one mail a day, at 06:00 UTC, if anything happened",
    Cadence.WEEKLY: "one mail a week, on Monday",
    Cadence.OFF: "nothing, whatever else you follow",
}
CHOICES = [(str(cadence), cadence.label, MEANINGS[cadence]) for cadence in Cadence]


@dataclass(frozen=True)
class FollowPart:
    shown: Shown
    cadence: str
    """'' where it is not followed."""
    choices: list[tuple[str, str, str]]


def follow_part(request: HttpRequest, document: Document) -> Part | None:
    """For catalog.pages.sections: a form below the discussion, for who is signed in. One query."""
    if not isinstance(request.user, User):
        return None
    shown = subjects.of_document(document)
    mine = following.of(request.user, shown.subject)
    return Part("mailing/follow_part.html", FollowPart(shown, mine.cadence if mine else "", CHOICES))


@require_http_methods(["GET", "POST"])
@login_required
def follow(request: HttpRequest) -> HttpResponse:
    """One thing, named by `kind` and `name`: how often, or off; 'none' forgets that it was ever followed."""
    person = signed_in(request)
    given = request.POST if request.method == "POST" else request.GET
    shown = subjects.found(given.get("kind", ""), given.get("name", ""), person)
    if shown is None:
        raise Http404("There is nothing of that name to follow.")
    mine = following.of(person, shown.subject)
    if request.method == "GET":
        page = {
            "shown": shown,
            "cadence": mine.cadence if mine else "",
            "choices": CHOICES,
            "address": following.address_of(person),
            "here": "account",
        }
        return render(request, "mailing/follow.html", page)
    _set(request, person, shown, mine, given.get("cadence", ""))
    back = given.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_ours and back.startswith("/") else "following")


def _set(request: HttpRequest, person: User, shown: Shown, mine: Follow | None, cadence: str) -> None:
    if cadence == "none":
        if mine is not None:
            following.forget(mine)
        messages.success(request, f"You no longer follow {shown.words}.")
        return
    if cadence not in Cadence.values:
        messages.error(request, "Choose how often.")
        return
    try:
        following.set_cadence(person, shown.subject, cadence)
    except following.TooMany as error:
        messages.error(request, str(error))
        return
    if cadence == Cadence.OFF:
        messages.success(request, f"No mail of {shown.words}, whatever else you follow.")
    elif following.address_of(person):
        messages.success(request, f"You follow {shown.words}: {Cadence(cadence).label}.")
    else:
        messages.warning(request, f"You follow {shown.words}. To get mail, confirm an address in your account.")


@require_http_methods(["GET", "POST"])
@login_required
def all_followed(request: HttpRequest) -> HttpResponse:
    """Everything that somebody follows, each with how often; posted to, all of it is saved."""
    person = signed_in(request)
    visible = Document.objects.visible_to(person).values("pk")
    mine = [one for one in following.all_of(person) if one.document_id is None] + list(
        following.all_of(person).filter(document__in=visible)
    )
    if request.method == "POST":
        _save(request, person, mine)
        return redirect("following")
    page = {
        "follows": [(one, subjects.of(one)) for one in mine],
        "choices": CHOICES,
        "address": following.address_of(person),
        "trouble": Trouble.objects.filter(user=person).first(),
        "person": person,
        "here": "account",
    }
    return render(request, "mailing/following.html", page)


@transaction.atomic
def _save(request: HttpRequest, person: User, mine: list[Follow]) -> None:
    for one in mine:
        cadence = request.POST.get(f"follow-{one.pk}", one.cadence)
        if cadence == "none":
            following.forget(one)
        elif cadence in Cadence.values and cadence != one.cadence:
            following.set_cadence(person, subjects.of(one).subject, cadence)
    User.objects.filter(pk=person.pk).update(mails_mentions=request.POST.get("mentions") == "yes")
    messages.success(request, "Saved.")


@require_POST
@login_required
def resume(request: HttpRequest) -> HttpResponse:
    """Mail came back; its reader says that it will not again."""
    following.resume(signed_in(request))
    messages.success(request, "Mail is sent to you again.")
    return redirect("following")


@csrf_exempt  # a mail program posts here at one click (RFC 8058); the signed address is what allows it
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET asks, and changes nothing: programs follow links to look at them. POST stops it, or sets another cadence."""
    said = tokens.read_stop(token)
    person = User.objects.filter(pk=said[0], is_active=True).first() if said else None
    if said is None or person is None:
        raise Http404("This link is not one of ours, or its account is gone.")
    mine = _meant(person, said[1])
    cadence = request.POST.get("cadence", Cadence.OFF)
    if request.method == "POST":
        _stop(person, said[1], mine, cadence if cadence in Cadence.values else Cadence.OFF)
    page: dict[str, Any] = {
        "words": _words(said[1], mine),
        "is_one": said[1] is not None and said[1][0] != tokens.DIGEST,
        "done": request.method == "POST",
        "cadence": Cadence(cadence).label if cadence in Cadence.values else Cadence.OFF.label,
        "is_off": cadence not in Cadence.values or cadence == Cadence.OFF,
        "choices": CHOICES,
    }
    return render(request, "mailing/unsubscribe.html", page)


def _meant(person: User, meant: tuple[str, str, int | None] | None) -> list[Follow]:
    if meant is None:
        return []
    kind, name, document = meant
    mine = following.all_of(person)
    if kind == tokens.DIGEST:
        return list(mine.filter(cadence__in=[Cadence.DAILY, Cadence.WEEKLY]))
    if document is not None:
        return list(mine.filter(document=document))
    return list(mine.filter(kind=kind, name=name, document=None))


def _words(meant: tuple[str, str, int | None] | None, mine: list[Follow]) -> str:
    if meant is None:
        return "comments in which you are named"
    if meant[0] == tokens.DIGEST:
        return "what comes in digests"
    return subjects.of(mine[0]).words if mine else "what you followed"


def _stop(person: User, meant: tuple[str, str, int | None] | None, mine: list[Follow], cadence: str) -> None:
    if meant is None:
        User.objects.filter(pk=person.pk).update(mails_mentions=False)
    for one in mine:
        following.set_cadence(person, subjects.of(one).subject, cadence)
