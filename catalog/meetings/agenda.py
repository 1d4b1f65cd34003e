"""The open cases for a session: what was proposed, objected and asked of each.

Worst first: in unprivileged hands, without a bound in time, with nothing posted against it, held on the newest kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, QuerySet

from catalog.documents.current import case_text, strategy_text
from catalog.documents.schema import Objection
from catalog.measured.strips import Strip, strips
from catalog.models import Case, Serving, Strategy
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
    strip: Strip

    @property
    def reasons(self) -> list[str]:
        """Why it stands where it stands."""
        found = [
            ("unprivileged hands", "unprivileged_user" in self.case.controllers),
            ("unbounded", self.case.time_bound == "unbounded"),
            ("nothing posted", not any(p.serving.strategy.state in _IN_HAND for p in self.proposals)),
            ("held on the newest kernel", self.strip.is_held_on_newest),
        ]
        return [reason for reason, holds in found if holds]


def open_cases(user: Any) -> list[Item]:
    """Every open case that `user` may see, worst first."""
    items = of(Case.objects.visible_to(user).filter(kind="case", status__in=OPEN).order_by("slug"), user)
    return sorted(items, key=lambda item: -len(item.reasons))


def of(cases: QuerySet[Case], user: Any) -> list[Item]:
    """These cases as items, in their order, with the strategies that `user` may see. Six queries."""
    strategies = Strategy.objects.visible_to(user).select_related("document__current")
    servings = Serving.objects.filter(strategy__in=strategies.values("pk")).order_by("pk")
    served = Prefetch("servings", servings.prefetch_related(Prefetch("strategy", strategies)))
    found = list(cases.select_related("document__current").prefetch_related(served))
    shown = strips(found)
    return [_item(case, shown[case.pk]) for case in found]


def _item(case: Case, strip: Strip) -> Item:
    text = case_text(case.document)
    proposals = [_proposal(serving) for serving in case.servings.all() if serving.effect != "does_not_apply"]
    return Item(case, text.sections.get("Open question", "") if text else "", proposals, strip)


def _proposal(serving: Serving) -> Proposal:
    text = strategy_text(serving.strategy.document)
    return Proposal(serving, text.objections if text else ())
