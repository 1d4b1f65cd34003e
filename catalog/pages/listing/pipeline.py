"""The first table of /strategies/: how far each is on its way from an idea to stable trees, furthest first, and what it
claims beside what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from catalog.measured.ways_out import effect
from catalog.measured.ways_out.tried import Tried
from catalog.models import Strategy
from diagnosis.words.vocabulary import STRATEGY_EFFECTS, STRATEGY_STATES, look_up

WAY = ("idea", "posted", "merged", "released", "backported")
WIDTH, GAP = 22, 3  # of one step of the bar, in pixels


@dataclass(frozen=True)
class Way:
    """`reached`: how many steps of WAY are done; 0 for what was turned down or replaced, which is on no way."""

    strategy: Strategy
    reached: int
    claims: tuple[tuple[str, int], ...]
    measured: tuple[Tried, ...]

    @property
    def bars(self) -> list[tuple[int, bool]]:
        """Each step of the bar: where it begins, and whether it is done."""
        return [(at * (WIDTH + GAP), at < self.reached) for at in range(len(WAY))]

    @property
    def said(self) -> str:
        state = self.strategy.state_word.label
        return f"{state}, step {self.reached} of {len(WAY)}" if self.reached else state


def of(strategies: Iterable[Strategy], cases: Collection[int], measured: Mapping[str, Iterable[Tried]]) -> list[Way]:
    """`cases`: those that the reader sees; claims of others are not counted. No query: what they serve was read.
    `measured`: by slug, as `tried.of_strategies` gives it; a case that nobody ran is left out."""
    made = []
    for one in strategies:
        counts = Counter(serving.effect for serving in one.servings.all() if serving.case_id in cases)
        known = [slug for slug in STRATEGY_EFFECTS if counts[slug] and slug != "does_not_apply"]
        claims = tuple((look_up(STRATEGY_EFFECTS, slug).label, counts[slug]) for slug in known)
        seen = (each for each in measured.get(one.slug, ()) if each.case and each.case.pk in cases)
        shown = tuple(each for each in seen if each.effect != effect.NOT_MEASURED)
        made.append(Way(one, WAY.index(one.state) + 1 if one.state in WAY else 0, claims, shown))
    return sorted(made, key=lambda way: (-way.reached, way.strategy.title.casefold()))


def stages(ways: Iterable[Way]) -> list[tuple[str, int]]:
    """How many are at each state, none left out: they add up to all of them."""
    counts = Counter(way.strategy.state for way in ways)
    known = [(word.label, counts.pop(slug)) for slug, word in STRATEGY_STATES.items() if counts[slug]]
    return known + [(slug, number) for slug, number in counts.items() if number]
