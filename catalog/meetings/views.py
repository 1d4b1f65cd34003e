"""`/agenda/`: one page for the room, and what its chair does: order, note, close, export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from catalog.meetings import chair, minutes
from catalog.meetings.agenda import Item, numbered, of, open_cases
from catalog.meetings.forms import BeginForm, NotesForm
from catalog.models import Case, Meeting, Point
from people.access.person import demand
from people.models import User, may
from rest import parameters


@require_GET
def agenda(request: HttpRequest) -> HttpResponse:
    """The open cases as they are today, and the sessions that are or were held."""
    parameters.demand_known(request, every=())
    items, ways = numbered(open_cases(request.user))
    page = {
        "agenda": [Row(item) for item in items],
        "ways": ways,
        "meetings": Meeting.objects.order_by("-held_on", "-pk")[:50],
        "begin": BeginForm(initial={"held_on": timezone.now().date()}) if may(request.user, "chair") else None,
        "here": "agenda",
    }
    return render(request, "catalog/session.html", page)


def moved(request: HttpRequest, rest: str) -> HttpResponse:
    """What was called /session/ before. A form that stood open meanwhile is sent on with what was typed."""
    address = f"/agenda{rest}" + (f"?{request.GET.urlencode()}" if request.GET else "")
    return redirect(address, permanent=True, preserve_request=True)


@require_POST
@login_required
def begin(request: HttpRequest) -> HttpResponse:
    by = _chair(request)
    form = BeginForm(request.POST)
    if not form.is_valid():
        return render(request, "catalog/session.html", {"begin": form, "here": "agenda"}, status=422)
    return redirect(chair.begin(form.cleaned_data["title"], form.cleaned_data["held_on"], by))


@require_GET
def meeting(request: HttpRequest, number: int) -> HttpResponse:
    return _shown(request, get_object_or_404(Meeting, pk=number))


@dataclass(frozen=True)
class Row:
    """A case on the agenda. `is_open`: all that is known of it is shown, since it is what is talked of."""

    item: Item
    point: Point | None = None
    form: NotesForm | None = None
    is_open: bool = False


def _shown(request: HttpRequest, held: Meeting, refused: tuple[Point, NotesForm] | None = None) -> HttpResponse:
    may_note = may(request.user, "chair") and held.closed_at is None
    taken = _agenda(request, held)
    items, ways = numbered([item for item, _ in taken])
    rows: list[Row] = []
    for item, (_, point) in zip(items, taken, strict=True):
        is_refused = bool(refused and refused[0].pk == point.pk)
        form = refused[1] if refused and is_refused else NotesForm(point) if may_note else None
        is_next = may_note and not refused and not point.is_noted and not any(row.is_open for row in rows)
        rows.append(Row(item, point, form, is_open=is_refused or is_next))
    page: dict[str, Any] = {"meeting": held, "agenda": rows, "ways": ways, "may_note": may_note, "here": "agenda"}
    page["refused"] = refused and refused[0]
    page["may_chair"] = may(request.user, "chair")
    page["noted"] = [] if may_note else [(row.item, row.point) for row in rows if row.point and row.point.is_noted]
    if may_note:
        on_it = [point.case_id for _, point in taken]
        page["others"] = Case.objects.visible_to(None).exclude(pk__in=on_it).order_by("title")
    return render(request, "catalog/session.html", page, status=409 if refused else 200)


def _agenda(request: HttpRequest, held: Meeting) -> list[tuple[Item, Point]]:
    """What is on it, in order; a case that this person may not see is left out."""
    points = {point.case_id: point for point in held.points.order_by("position")}
    items = {item.case.pk: item for item in of(Case.objects.visible_to(request.user).filter(pk__in=points), request.user)}  # fmt: skip  # noqa: E501
    return [(items[pk], point) for pk, point in points.items() if pk in items]


@require_POST
@login_required
def note(request: HttpRequest, number: int, point: int) -> HttpResponse:
    """Notes on one case, its place, or taking it off: by which button was pressed. What was typed is kept."""
    by = _chair(request)
    found = get_object_or_404(Point.objects.select_related("case", "meeting"), pk=point, meeting=number)
    place = f"{found.meeting.get_absolute_url()}#p{found.pk}"
    form = NotesForm(found, request.POST)
    try:
        to = request.POST.get("to", "")
        if not to or "decided" in request.POST:
            if not form.is_valid():
                return _shown(request, found.meeting, (found, form))
            chair.note(found, by, form.notes(), form.cleaned_data["base"])
        if to in ("up", "down", "first", "last"):
            places = {"up": found.position - 1, "down": found.position + 1, "first": 1, "last": 1 << 30}
            chair.put(found, max(1, places[to]))
        elif to == "out":
            chair.leave_out(found)
            place = found.meeting.get_absolute_url()
    except chair.Overtaken as overtaken:
        return _shown(request, found.meeting, (found, form.against(overtaken)))
    except chair.CannotBeDone as refused:
        form.add_error(None, str(refused))
        return _shown(request, found.meeting, (found, form))
    return redirect(place)


@require_POST
@login_required
def add(request: HttpRequest, number: int) -> HttpResponse:
    _chair(request)
    held = get_object_or_404(Meeting, pk=number, closed_at=None)
    case = get_object_or_404(Case.objects.visible_to(None), slug=request.POST.get("case", "").replace("\x00", ""))
    try:
        chair.add(held, case)
    except chair.CannotBeDone as refused:  # closed between the look and the lock
        messages.error(request, str(refused))
    return redirect(held)


@require_POST
@login_required
def close(request: HttpRequest, number: int) -> HttpResponse:
    held = get_object_or_404(Meeting, pk=number)
    chair.close(held, _chair(request), request.POST.get("closed") == "yes")
    return redirect(held)


@require_GET
def markdown(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """The same as text: today's agenda, or a session with what was noted."""
    if number is None:
        text = minutes.markdown(settings.SITE_URL, None, ((i, None) for i in open_cases(request.user)))
    else:
        held = get_object_or_404(Meeting, pk=number)
        text = minutes.markdown(settings.SITE_URL, held, _agenda(request, held))
    return HttpResponse(text, content_type="text/markdown; charset=utf-8")


def _chair(request: HttpRequest) -> User:
    return demand(request, "chair", "Editors chair sessions.")
