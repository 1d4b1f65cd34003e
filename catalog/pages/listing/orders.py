"""The orders that the list of cases can be read in, as `?sort=` names them: from its heads, without a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from catalog.measured.strips import Strip
from catalog.models import Case
from catalog.models.cases import OPEN
from diagnosis.words.vocabulary import CONTROLLERS, MECHANISMS, STATUSES, rank

# How bad it is for whoever wants the memory to move, the worst first.
MANNERS = ("sleeps_in_d", "retries_without_progress", "rejected_at_once", "degraded")
WORST = "worst"
Key = Callable[[Case, Strip], Any]


def severity(case: Case, strip: Strip) -> int:
    """What the list calls worse: who can, for how long, what happens, and whether it was seen lately."""
    worst = min((rank(_RANKED, one.manner) for one in case.effects.all()), default=len(MANNERS))
    return (
        3 * ("unprivileged_user" in case.controllers)
        + 3 * (case.time_bound == "unbounded")
        + 2 * strip.is_held_on_newest
        + len(MANNERS)
        - worst
    )


_RANKED = dict.fromkeys(MANNERS)


def _settled(case: Case) -> tuple[int, bool]:
    """0 open, 1 mitigated or partly fixed, 2 settled; what only looks like a case comes after the cases."""
    return (0 if case.status == "open" else 1 if case.status in OPEN else 2), case.kind != "case"


def _latest(case: Case, strip: Strip) -> float:
    return -strip.last_seen_at.timestamp() if strip.last_seen_at else float("inf")


def _by_effect(slug: str) -> Key:
    def key(case: Case, strip: Strip) -> Any:
        manner = next((one.manner for one in case.effects.all() if one.effect == slug), "")
        return (rank(_RANKED, manner), *_settled(case), -severity(case, strip))

    return key


@dataclass(frozen=True)
class Order:
    slug: str
    label: str
    key: Key


# Equals stand in the order of their names: the queryset is ordered by slug, and sorting is stable.
ORDERS: dict[str, Order] = {
    one.slug: one
    for one in (
        Order(WORST, "worst first", lambda c, s: (*_settled(c), -severity(c, s))),
        Order("latest", "latest evidence", _latest),
        Order("name", "name", lambda c, s: c.title.casefold()),
        Order("mechanism", "mechanism", lambda c, s: (rank(MECHANISMS, c.mechanism), *_settled(c), -severity(c, s))),
        Order("who", "who decides", lambda c, s: (min(rank(CONTROLLERS, x) for x in c.controllers), -severity(c, s))),
        Order("status", "status", lambda c, s: (rank(STATUSES, c.status), -severity(c, s))),
        Order("hotunplug", "memory hotunplug", _by_effect("hotunplug")),
        Order("cma_allocation", "CMA allocation", _by_effect("cma_allocation")),
        Order("compaction", "compaction", _by_effect("compaction")),
        Order("numa_move", "NUMA move", _by_effect("numa_move")),
    )
}


@dataclass(frozen=True)
class Choice:
    order: Order
    is_chosen: bool
    query: str


def asked(params: QueryDict) -> Order:
    return ORDERS.get(params.get("sort", WORST), ORDERS[WORST])


def choices(params: QueryDict) -> dict[str, Choice]:
    """By name, with the address that each is at; the rest of what was asked stays."""
    chosen, made = asked(params), {}
    for slug, order in ORDERS.items():
        query = params.copy()
        query.pop("sort", None)
        if slug != WORST:
            query["sort"] = slug
        made[slug] = Choice(order, order == chosen, "?" + query.urlencode() if query else "?")
    return made
