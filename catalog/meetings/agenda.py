"""The open cases for a session: what was proposed, objected and asked of each.

Worst first: any local user can, without a bound in time, with nothing posted against it, held on the newest kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Prefetch, QuerySet

from catalog.documents.current import case_text, strategy_text
from catalog.documents.schema import Objection
from catalog.measured.strips import Strip, strips
from catalog.measured.ways_out import effect, tried
from catalog.measured.ways_out.tried import Tried
from catalog.models import Case, Serving, Strategy
from catalog.models.cases import OPEN
from catalog.templatetags.shown import sentences

_IN_HAND = ("posted", "merged", "released", "backported")
# What is to be decided next of a strategy that nobody objects to, the furthest along last.
_NEXT = {
    "idea": "Should “{}” be written and posted?",
    "posted": "Should “{}” be merged?",
    "merged": "“{}” is merged: is that enough?",
    "released": "“{}” is released: is that enough, and which stable trees need it?",
    "backported": "“{}” is in stable trees: is that enough?",
}


@dataclass(frozen=True)
class Proposal:
    """A way out of one case. `number`: under which the page tells of its strategy, once for all cases."""

    serving: Serving
    objections: tuple[Objection, ...]
    tried: Tried | None
    """What was measured of it on this case; None where its text cannot be read."""
    number: int = 0

    @property
    def is_measured(self) -> bool:
        return self.tried is not None and self.tried.effect in effect.MEASURED

    @property
    def unanswered(self) -> int:
        return sum(not one.answer for one in self.objections)

    @property
    def said(self) -> str:
        """'helps, posted v3', and before it what was measured: 'measured: solves; helps, posted v3'"""
        strategy = self.serving.strategy
        version = f" v{strategy.version}" if strategy.version else ""
        measured = f"measured: {self.tried.word.label}; " if self.tried and self.is_measured else ""
        return f"{measured}{self.serving.effect_word.label}, {strategy.state_word.label}{version}"


@dataclass(frozen=True)
class Item:
    case: Case
    question: str
    proposals: list[Proposal]
    strip: Strip

    @property
    def unanswered(self) -> int:
        return sum(proposal.unanswered for proposal in self.proposals)

    @property
    def to_decide(self) -> str:
        """One line: the open question of the case, or what the state of its proposals asks."""
        if self.question:
            return _asked(self.question)
        live = [p for p in self.proposals if p.serving.strategy.state in _NEXT]
        if not live:
            return "Nothing is proposed. Who could look at it, or is it to stay as it is?"
        best = max(live, key=lambda p: (list(_NEXT).index(p.serving.strategy.state), p.serving.effect == "solves"))
        if best.unanswered:
            objections = "an objection" if best.unanswered == 1 else f"{best.unanswered} objections"
            return f"What is the answer to {objections} to “{best.serving.strategy.title}”?"
        return _NEXT[best.serving.strategy.state].format(best.serving.strategy.title)

    @property
    def reasons(self) -> list[str]:
        """Why it stands where it stands."""
        found = [
            ("any local user", "unprivileged_user" in self.case.controllers),
            ("no bound in time", self.case.time_bound == "unbounded"),
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


def _asked(question: str) -> str:
    """Its first sentence that asks something; where none does, its first."""
    said = sentences(question)
    return next((one for one in said if one.endswith("?")), said[0])


def numbered(items: list[Item]) -> tuple[list[Item], list[Proposal]]:
    """The same, with each strategy's number, by where it comes first; and one proposal of each, in that order."""
    first: dict[int, Proposal] = {}
    made = []
    for item in items:
        proposals = []
        for one in item.proposals:
            number = first[pk].number if (pk := one.serving.strategy_id) in first else len(first) + 1
            proposals.append(replace(one, number=number))
            first.setdefault(pk, proposals[-1])
        made.append(replace(item, proposals=proposals))
    return made, list(first.values())


def _item(case: Case, strip: Strip, measured: dict[tuple[str, int], Tried]) -> Item:
    text = case_text(case.document)
    proposals = [_proposal(serving, measured) for serving in case.servings.all() if serving.effect != "does_not_apply"]
    proposals.sort(key=lambda proposal: not proposal.is_measured)
    return Item(case, text.sections.get("Open question", "") if text else "", proposals, strip)


def _proposal(serving: Serving, measured: dict[tuple[str, int], Tried]) -> Proposal:
    text = strategy_text(serving.strategy.document)
    one = measured.get((serving.strategy.slug, serving.case_id)) if serving.case_id else None
    return Proposal(serving, text.objections if text else (), one)
