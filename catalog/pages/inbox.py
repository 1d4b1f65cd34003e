"""Everything that waits for an editor, on one page, whichever app it waits in.

The catalog knows neither reports nor discussion; they offer their queues here when Django starts, as with `sections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.measured.ways_out import tried
from catalog.models import Case, Effect, Strategy, Total
from catalog.models.text import State
from people.access.person import signed_in
from people.models import User, may


@dataclass(frozen=True)
class Queue:
    """`meaning`: what is in it, and what an editor does about it."""

    label: str
    number: int
    address: str
    meaning: str


Offer = Callable[[User], Iterable[Queue]]
_offers: list[tuple[int, Offer]] = []


def offer(order: int, make: Offer) -> None:
    _offers.append((order, make))
    _offers.sort(key=lambda one: one[0])


@require_safe
@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    person = signed_in(request)
    if not may(person, "judge"):
        raise PermissionDenied("The inbox is for editors.")
    queues = [queue for _, make in _offers for queue in make(person)]
    page = {
        "waiting": [queue for queue in queues if queue.number],
        "empty": [queue for queue in queues if not queue.number],
        "number": sum(queue.number for queue in queues),
        "here": "inbox",
    }
    return render(request, "catalog/inbox.html", page)


def of_catalog(person: User) -> Iterable[Queue]:
    """Proposals, and cases that say "measured" although no run that counts is on this site."""
    proposed = Case.objects.visible_to(person, proposals=True).filter(document__state=State.PROPOSED).count()
    yield Queue("Proposed cases", proposed, reverse("proposed"), "Accept or decline each, with a reason.")
    measured = Effect.objects.filter(case=OuterRef("pk"), standing="measured")
    runs = Total.objects.filter(case=OuterRef("pk"), conclusive__gt=0)
    claimed = Case.objects.visible_to(person).filter(Exists(measured), ~Exists(runs)).order_by("slug")
    for slug in claimed.values_list("slug", flat=True)[:20]:
        meaning = "Its text says measured, and no run that counts is here: correct the text, or send a run."
        yield Queue(f"Contradiction: {slug}", 1, reverse("case", args=[slug]), meaning)
    yield from _strategies_contradicted(person)


def _strategies_contradicted(person: User) -> Iterable[Queue]:
    """Strategies whose text claims another effect than was measured."""
    rows = Strategy.objects.visible_to(person).for_list()
    for slug, made in sorted(tried.of_strategies(rows, person).items()):
        for one in made:
            if one.contradicts:
                meaning = f"Its text says “{one.claim.label}” of {one.case_slug}, and “{one.word.label}” was measured."
                yield Queue(f"Contradiction: {slug}", 1, reverse("strategy", args=[slug]) + "#measured", meaning)
