"""One page for the room: the open cases, worst first, with what was proposed, objected and asked, and room to write.

Worst first: in unprivileged hands, without a bound in time, with nothing posted against it, held on the newest kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog import measured
from catalog.document import parse
from catalog.facts import CaseText, Objection, StrategyText
from catalog.models import Case, Serving
from catalog.models.cases import OPEN

_IN_HAND = ("posted", "merged", "released", "backported")


@dataclass(frozen=True)
class Proposal:
    serving: Serving
    objections: tuple[Objection, ...]


@dataclass(frozen=True)
class Item:
    case: Case
    question: str
    proposals: list[Proposal]
    strip: list[measured.Cell]

    @property
    def reasons(self) -> list[str]:
        """Why it stands where it stands."""
        found = [
            ("unprivileged hands", "unprivileged_user" in self.case.controllers),
            ("unbounded", self.case.time_bound == "unbounded"),
            ("nothing posted", not any(p.serving.strategy.state in _IN_HAND for p in self.proposals)),
            ("held on the newest kernel", bool(self.strip) and self.strip[-1].verdict in ("held", "mixed")),
        ]
        return [reason for reason, holds in found if holds]


def session(request: HttpRequest) -> HttpResponse:
    cases = list(
        Case.objects.visible_to(request.user)
        .filter(kind="case", status__in=OPEN)
        .select_related("document__current")
        .prefetch_related("servings__strategy__document__current")
        .order_by("slug")
    )
    strips = measured.strips(cases)
    items = [_item(case, strips[case.pk]) for case in cases]
    items.sort(key=lambda item: -len(item.reasons))
    return render(request, "catalog/session.html", {"items": items, "here": "session"})


def _item(case: Case, strip: list[measured.Cell]) -> Item:
    assert case.document.current is not None
    text = parse(case.document.current.text)
    assert isinstance(text, CaseText)
    proposals = [_proposal(serving) for serving in case.servings.all() if serving.effect != "does_not_apply"]
    return Item(case, text.sections.get("Open question", ""), proposals, strip)


def _proposal(serving: Serving) -> Proposal:
    current = serving.strategy.document.current
    assert current is not None
    text = parse(current.text)
    assert isinstance(text, StrategyText)
    return Proposal(serving, text.objections)
