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
from catalog.measured.ways_out import effect, tried
from catalog.measured.ways_out.tried import Tried
from catalog.models import Case, Serving, Strategy
from catalog.models.cases import OPEN

_IN_HAND = ("posted", "merged", "released", "backported")


@dataclass(frozen=True)
class Proposal:
    serving: Serving
    objections: tuple[Objection, ...]
    tried: Tried | None
    """What was measured of it on this case; None where its text cannot be read."""

    @property
    def is_measured(self) -> bool:
        return self.tried is not None and self.tried.effect in effect.MEASURED


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
    """These cases as items, in their order, with the strategies that `user` may see, measured ones first. At most ten
    queries."""
    strategies = Strategy.objects.visible_to(user).select_related("document__current")
    servings = Serving.objects.filter(strategy__in=strategies.values("pk")).order_by("pk")
    served = Prefetch("servings", servings.prefetch_related(Prefetch("strategy", strategies)))
    found = list(cases.select_related("document__current").prefetch_related(served))
    shown = strips(found)
    measured = _measured(found, user)
    return [_item(case, shown[case.pk], measured) for case in found]


def _measured(cases: list[Case], user: Any) -> dict[tuple[str, int], Tried]:
    """By strategy and case."""
    servings: dict[str, tuple[Strategy, list[Serving]]] = {}
    for case in cases:
        for serving in case.servings.all():
            servings.setdefault(serving.strategy.slug, (serving.strategy, []))[1].append(serving)
    texts = {slug: (text, rows) for slug, (one, rows) in servings.items() if (text := strategy_text(one.document))}
    made = tried.of_all(texts, user)
    return {(slug, one.case.pk): one for slug, rows in made.items() for one in rows if one.case}


def _item(case: Case, strip: Strip, measured: dict[tuple[str, int], Tried]) -> Item:
    text = case_text(case.document)
    proposals = [_proposal(serving, measured) for serving in case.servings.all() if serving.effect != "does_not_apply"]
    proposals.sort(key=lambda proposal: not proposal.is_measured)
    return Item(case, text.sections.get("Open question", "") if text else "", proposals, strip)


def _proposal(serving: Serving, measured: dict[tuple[str, int], Tried]) -> Proposal:
    text = strategy_text(serving.strategy.document)
    one = measured.get((serving.strategy.slug, serving.case_id)) if serving.case_id else None
    return Proposal(serving, text.objections if text else (), one)
