"""What a strategy changed when it was measured: runs on builds that carry it, beside runs of a base without it.

A build carries a strategy where its label is the strategy's slug, begins with it (`<slug> v3`), or is one of the labels
that the strategy's text names. Its base is the same release with the label `base of <label>`, else `base`, else none.
Where the text names two releases, `before` and `after`, their builds without a label are compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from catalog.documents.current import strategy_text
from catalog.documents.schema import StrategyText, Trial
from catalog.measured import overview, side_by_side
from catalog.measured.overview import Summary
from catalog.measured.side_by_side import Pair
from catalog.measured.ways_out import effect
from catalog.models import Case, KernelBuild, Serving, Strategy, Total
from diagnosis.words.vocabulary import STRATEGY_EFFECTS, Word, look_up

BASE = "base"
BASE_OF = "base of "
LABEL_CHARACTERS = 80  # of a build: what is longer was cut by the lab
NEEDED = 5  # runs on each side, below which no difference can be shown: comparing.LEVEL


@dataclass(frozen=True)
class Tried:
    """One case that a strategy speaks of, and what was measured of it with the strategy in place."""

    case_slug: str
    case: Case | None
    claimed: str
    pairs: tuple[Pair, ...]
    commands: tuple[str, ...]
    """What would measure it, base first; empty where the text has commands of its own, or no probe makes the case."""

    @property
    def rows(self) -> list[tuple[Pair, Word]]:
        return [(pair, effect.word(effect.of(pair))) for pair in self.pairs]

    @property
    def effect(self) -> str:
        """Of all movers and builds together."""
        return effect.together(effect.of(pair) for pair in self.pairs)

    @property
    def word(self) -> Word:
        return effect.word(self.effect)

    @property
    def claim(self) -> Word:
        return look_up(STRATEGY_EFFECTS, self.claimed)

    @property
    def contradicts(self) -> bool:
        return effect.contradicts(self.claimed, self.effect)

    @property
    def last_seen_at(self) -> datetime | None:
        return max((pair.b.last_seen_at for pair in self.pairs if pair.b), default=None)

    @property
    def said(self) -> str:
        """One line: '7.3.4 + label, offline: hangs, with it refuses'. Empty where nothing was compared."""
        said = [
            f"{pair.one.mover.label}: {pair.a.said}, with it {pair.b.said}" for pair in self.pairs if pair.a and pair.b
        ]
        return "; ".join(dict.fromkeys(said))


def tried(text: StrategyText, servings: Iterable[Serving], user: Any) -> list[Tried]:
    """For each of `servings`, those that `user` may see. Two queries at most."""
    found = list(servings)
    return of_all({text.slug: (text, found)}, user)[text.slug]


def of_strategies(strategies: Iterable[Strategy], user: Any, only: Case | None = None) -> dict[str, list[Tried]]:
    """As `of_all`, of strategies that come with their documents' current texts and their servings; with `only`, of this
    case alone. A text that this release cannot read is left out."""
    texts = {}
    for one in strategies:
        if text := strategy_text(one.document):
            servings = [serving for serving in one.servings.all() if only is None or serving.case_id == only.pk]
            texts[one.slug] = (text, servings)
    return of_all(texts, user)


def of_all(texts: Mapping[str, tuple[StrategyText, list[Serving]]], user: Any) -> dict[str, list[Tried]]:
    """By slug, what was measured of each strategy. Two queries at most, however many there are."""
    cases = {serving.case_id for _, servings in texts.values() for serving in servings if serving.case_id}
    releases = {release for text, _ in texts.values() for trial in text.trials for release in _releases(trial)}
    seen = Total.objects.visible_to(user).filter(case__in=cases).select_related("build")
    labelled = ~Q(build__label="")
    carrying = overview.summarised(seen.filter(labelled | Q(build__release__in=releases))) if cases else []
    plain = {one.build.release for one in carrying if one.build.label} - releases
    carrying += overview.summarised(seen.filter(build__release__in=plain, build__label="")) if plain else []
    by_build: dict[KernelBuild, list[Summary]] = defaultdict(list)
    for one in carrying:
        by_build[one.build].append(one)
    return {slug: _of(text, servings, by_build) for slug, (text, servings) in texts.items()}


def _releases(trial: Trial) -> tuple[str, ...]:
    return (trial.before, trial.after) if trial.before and trial.after else ()


def _of(text: StrategyText, servings: list[Serving], by_build: Mapping[KernelBuild, list[Summary]]) -> list[Tried]:
    named = {(build.release, build.label): runs for build, runs in by_build.items()}
    own = {text.slug, *text.labels, *(trial.label for trial in text.trials if trial.label)}
    pairs: dict[int, list[Pair]] = defaultdict(list)
    for build in sorted(by_build, key=str):
        if build.label and (build.label in own or build.label.startswith(text.slug + " ")):
            _add(pairs, _base(named, build), by_build[build])
    for trial in text.trials:
        if trial.before and trial.after:
            _add(pairs, named.get((trial.before, ""), []), named.get((trial.after, ""), []))
    return [made for serving in servings if (made := _tried(serving, pairs, text))]


def _base(named: Mapping[tuple[str, str], list[Summary]], build: KernelBuild) -> list[Summary]:
    """Runs that this build is set against: what was measured as the base of it alone goes before any other."""
    for label in ((BASE_OF + build.label)[:LABEL_CHARACTERS], BASE, ""):
        if runs := named.get((build.release, label)):
            return runs
    return []


def _add(pairs: dict[int, list[Pair]], base: list[Summary], applied: list[Summary]) -> None:
    for pair in side_by_side.pair(base, applied):
        if pair.b is not None:
            pairs[pair.case_id].append(pair)


def _tried(serving: Serving, pairs: Mapping[int, list[Pair]], text: StrategyText) -> Tried | None:
    """None for a case to which it is not said to apply and on which nothing was measured."""
    case = serving.case
    found = pairs.get(case.pk, []) if case else []
    if serving.effect == "does_not_apply" and not found:
        return None
    commands = () if case is None or not case.probe or text.trials else _commands(case.probe, text)
    return Tried(serving.case_slug, case, serving.effect, tuple(found), commands)


def _commands(probe: str, text: StrategyText) -> tuple[str, ...]:
    lab = f"--cases {probe} --repeat {NEEDED} --submit {settings.SITE_URL}"
    return (
        f"python3 probe.pyz lab base/arch/x86/boot/bzImage --label base {lab}",
        f"python3 probe.pyz lab patched/arch/x86/boot/bzImage --label {text.slug} {lab}",
    )


def command(trial: Trial) -> str:
    return f"python3 probe.pyz lab {trial.lab}"
