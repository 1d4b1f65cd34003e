"""The list of cases as the URL asks for it: search words and facets with counts.

A facet's counts are taken with its own choice left out, so that the other choices can be seen. There are hundreds of
cases and they are all on the list's page, so they are read once and counted here; the queries are always the same few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from catalog.measured.strips import Strip, strips
from catalog.models import Case, Effect
from catalog.pages.listing.orders import ORDERS
from catalog.search import engine
from diagnosis.words.vocabulary import (
    AREAS,
    CONTROLLERS,
    EFFECTS,
    KINDS,
    MANNERS,
    MECHANISMS,
    MOVERS,
    STATUSES,
    Word,
    look_up,
)

Chosen = Mapping[str, str]


@dataclass(frozen=True)
class Kind:
    """What a facet is called, and which of its choices a case answers to, as label by slug.

    `words` are the choices that there are, in their order; without, those that cases have, the most frequent first.
    """

    heading: str
    said: Callable[[Case, Strip, Chosen], dict[str, str]]
    words: Mapping[str, Word] | None = None
    is_folded: bool = False


def _effects(case: Case, chosen: Chosen, but: str) -> list[Effect]:
    """What the case breaks and how, in pairs: who asks what sleeps in D on hotunplug means one effect, not two."""
    wanted = {name: slug for name, slug in chosen.items() if name in ("effect", "manner") and name != but}
    return [one for one in case.effects.all() if all(getattr(one, name) == slug for name, slug in wanted.items())]


def _labels(words: Mapping[str, Word], slugs: list[str]) -> dict[str, str]:
    return {slug: look_up(words, slug).label for slug in slugs}


# The parameter of the URL: its facet. Adding a facet is adding a line here.
FACETS: dict[str, Kind] = {
    "status": Kind("Status", lambda c, _, k: _labels(STATUSES, [c.status]), STATUSES),
    "controller": Kind("Held by", lambda c, _, k: _labels(CONTROLLERS, c.controllers), CONTROLLERS),
    "effect": Kind("Breaks", lambda c, _, k: _labels(EFFECTS, [e.effect for e in _effects(c, k, "effect")]), EFFECTS),
    "manner": Kind("How", lambda c, _, k: _labels(MANNERS, [e.manner for e in _effects(c, k, "manner")]), MANNERS),
    "mechanism": Kind("Mechanism", lambda c, _, k: _labels(MECHANISMS, c.mechanisms), MECHANISMS, True),
    "area": Kind("Area", lambda c, _, k: _labels(AREAS, c.areas), AREAS, True),
    "subsystem": Kind("Subsystem", lambda c, _, k: {s.slug: s.name for s in c.subsystems.all()}, is_folded=True),
    "kernel": Kind("Measured on", lambda c, strip, k: {line: line for line in strip.lines}, is_folded=True),
    "mover": Kind("Measured by", lambda c, strip, k: _labels(MOVERS, list(strip.movers)), MOVERS, True),
    "kind": Kind("Kind", lambda c, _, k: _labels(KINDS, [c.kind]), KINDS, True),
}


@dataclass(frozen=True)
class Choice:
    slug: str
    label: str
    count: int
    chosen: bool
    query: str


@dataclass(frozen=True)
class Facet:
    name: str
    heading: str
    choices: tuple[Choice, ...]
    is_folded: bool

    @property
    def chosen(self) -> bool:
        return any(choice.chosen for choice in self.choices)


@dataclass(frozen=True)
class Found:
    """`everything` and `strips` are of all cases that the reader may see; `cases` are the ones asked for."""

    cases: list[Case]
    everything: list[Case]
    strips: dict[int, Strip]
    facets: list[Facet]
    words: str
    answer: engine.Answer
    chosen: dict[str, str]
    ignored: tuple[str, ...]
    """Parameters that are none of this list, and those whose value none of it has."""

    @property
    def picked(self) -> list[tuple[Facet, Choice]]:
        """The filters that are on; the query of each lets go of it."""
        return [(facet, choice) for facet in self.facets for choice in facet.choices if choice.chosen]

    @property
    def narrowed(self) -> bool:
        return bool(self.chosen or self.words)

    @property
    def understood(self) -> list[engine.Term]:
        return [term for term in self.answer.terms if term.how]


def find(params: QueryDict, user: Any) -> Found:
    """Unknown parameters and values narrow nothing, and are named."""
    everything = list(Case.objects.visible_to(user).for_list())
    shown = strips(everything, params.get("mover", ""))
    words = params.get("q", "").replace("\x00", "").strip()[:200]
    answer = engine.search(user, words)
    answering = everything
    if words:
        named = engine.documents(answer)
        answering = [case for case in everything if case.pk in named]
    labels = _all_labels(everything, shown)
    chosen = {name: slug for name in FACETS if isinstance(slug := params.get(name), str) and slug in labels[name]}
    facets = [_facet(name, chosen, answering, shown, labels[name], params) for name in FACETS]
    cases = _narrowed(answering, shown, chosen)
    return Found(
        cases, everything, shown, [f for f in facets if f.choices], words, answer, chosen, _ignored(params, chosen)
    )


def _ignored(params: QueryDict, chosen: Chosen) -> tuple[str, ...]:
    """Only what the parameters are called: a value may be the name of something that the reader may not see."""
    known = {"q", "format", *chosen} | ({"sort"} if params.get("sort") in ORDERS else set())
    return tuple(sorted(name[:40] for name in params if name not in known))


def _all_labels(cases: list[Case], strips: dict[int, Strip]) -> dict[str, dict[str, str]]:
    """What can be chosen at all, by facet. Of what the reader may see: no other name is known."""
    made = {name: _labels(facet.words or {}, list(facet.words or ())) for name, facet in FACETS.items()}
    free = [name for name, facet in FACETS.items() if facet.words is None]
    for case in cases:
        for name in free:
            made[name] |= FACETS[name].said(case, strips[case.pk], {})
    return made


def _narrowed(cases: list[Case], strips: dict[int, Strip], chosen: Chosen) -> list[Case]:
    return [
        case
        for case in cases
        if all(slug in FACETS[name].said(case, strips[case.pk], chosen) for name, slug in chosen.items())
    ]


def _facet(
    name: str, chosen: dict[str, str], cases: list[Case], strips: dict[int, Strip], labels: dict[str, str], params: Any
) -> Facet:
    facet = FACETS[name]
    others = {key: value for key, value in chosen.items() if key != name}
    counts = Counter(
        slug for case in _narrowed(cases, strips, others) for slug in facet.said(case, strips[case.pk], others)
    )
    choices = [
        Choice(slug, label, counts[slug], chosen.get(name) == slug, _query(params, name, slug, chosen))
        for slug, label in labels.items()
        if counts[slug] or chosen.get(name) == slug
    ]
    if facet.words is None:
        choices.sort(key=lambda choice: (-choice.count, choice.label.lower()))
    return Facet(name, facet.heading, tuple(choices), facet.is_folded)


def _query(params: QueryDict, name: str, slug: str, chosen: dict[str, str]) -> str:
    """The query string that this choice leads to; choosing the chosen one again lets go of it."""
    made = params.copy()
    if chosen.get(name) == slug:
        made.pop(name, None)
    else:
        made[name] = slug
    return "?" + made.urlencode() if made else "?"
