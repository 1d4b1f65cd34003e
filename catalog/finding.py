"""The list of cases as the URL asks for it: search words and facets with counts.

A facet's counts are taken with its own choice left out, so that the other choices can be seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from catalog.models import Case, Subsystem
from diagnosis.vocabulary import CONTROLLERS, EFFECTS, KINDS, MECHANISMS, STATUSES, Word

# Parameter -> (heading, words, how a case answers to a word). Adding a facet is adding a line here.
FACETS: dict[str, tuple[str, dict[str, Word] | None, str]] = {
    "effect": ("Breaks", dict(EFFECTS), "effects__effect"),
    "controller": ("Held by", dict(CONTROLLERS), "controllers__contains"),
    "mechanism": ("Mechanism", dict(MECHANISMS), "mechanisms__contains"),
    "status": ("Status", dict(STATUSES), "status"),
    "kind": ("Kind", dict(KINDS), "kind"),
    "subsystem": ("Subsystem", None, "subsystems__slug"),
}
MAX_WORDS = 8


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

    @property
    def chosen(self) -> bool:
        return any(choice.chosen for choice in self.choices)


@dataclass(frozen=True)
class Found:
    cases: list[Case]
    facets: list[Facet]
    words: str
    narrowed: bool


def find(params: QueryDict, user: Any) -> Found:
    """Unknown parameters and values narrow to nothing known, and are ignored."""
    chosen = {name: params[name] for name in FACETS if params.get(name) and params[name] in _known(name)}
    words = params.get("q", "").replace("\x00", "").strip()[:200]
    everything = _matching(Case.objects.visible_to(user), words)
    cases = list(_narrowed(everything, chosen).for_list().distinct())
    facets = [_facet(name, chosen, everything, params) for name in FACETS]
    return Found(cases, [f for f in facets if f.choices], words, bool(chosen or words))


def _matching(cases: Any, words: str) -> Any:
    """Every word stands somewhere in the text, whole or in part; kernel symbols are found as they are written."""
    for word in words.split()[:MAX_WORDS]:
        cases = cases.filter(Q(document__current__text__icontains=word) | Q(slug__icontains=word))
    return cases


def _narrowed(cases: Any, chosen: dict[str, str]) -> Any:
    for name, slug in chosen.items():
        lookup = FACETS[name][2]
        cases = cases.filter(**{lookup: [slug] if lookup.endswith("__contains") else slug})
    return cases


def _facet(name: str, chosen: dict[str, str], everything: Any, params: QueryDict) -> Facet:
    heading, words, lookup = FACETS[name]
    labels = _known(name)
    others = _narrowed(everything, {key: value for key, value in chosen.items() if key != name})
    counts = _counts(others, lookup)
    choices = []
    for slug, label in labels.items():
        if counts[slug] or chosen.get(name) == slug:
            choices.append(
                Choice(slug, label, counts[slug], chosen.get(name) == slug, _query(params, name, slug, chosen))
            )
    if words is None:
        choices.sort(key=lambda choice: (-choice.count, choice.label.lower()))
    return Facet(name, heading, tuple(choices))


def _counts(cases: QuerySet[Case], lookup: str) -> Counter[str]:
    field = lookup.removesuffix("__contains")
    counts: Counter[str] = Counter()
    for _, value in cases.order_by().values_list("pk", field).distinct():
        counts.update(value if isinstance(value, list) else [value])
    return counts


def _known(name: str) -> dict[str, str]:
    """The labels of a facet's choices, by slug."""
    words = FACETS[name][1]
    if words is None:
        return dict(Subsystem.objects.values_list("slug", "name"))
    return {slug: word.label for slug, word in words.items()}


def _query(params: QueryDict, name: str, slug: str, chosen: dict[str, str]) -> str:
    """The query string that this choice leads to; choosing the chosen one again lets go of it."""
    made = params.copy()
    if chosen.get(name) == slug:
        made.pop(name, None)
    else:
        made[name] = slug
    return "?" + made.urlencode() if made else "?"
