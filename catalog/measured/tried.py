"""What a strategy changed when it was measured: runs on builds that carry it, beside runs of the same release without.

A build carries a strategy where its label is the strategy's slug, begins with it (`<slug> v3`), or is one of the labels
that the strategy's text names. Its base is the same release without a label, or with the label `base`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q

from catalog.documents.schema import StrategyText
from catalog.measured import overview, side_by_side
from catalog.measured.overview import Summary
from catalog.measured.side_by_side import Pair
from catalog.models import Case, KernelBuild, Serving, Total

BASES = ("", "base")
NEEDED = 5  # runs on each side, below which no difference can be shown: comparing.LEVEL


@dataclass(frozen=True)
class Tried:
    """One case that a strategy speaks of, and what was measured of it with the strategy in place."""

    case_slug: str
    case: Case | None
    pairs: tuple[Pair, ...]
    commands: tuple[str, ...]
    """What would measure it, base first; empty where no probe makes the case happen."""


def tried(text: StrategyText, servings: Iterable[Serving], user: Any) -> list[Tried]:
    """For each of `servings`, those that `user` may see, for which it should do something. Two queries."""
    wanted = [serving for serving in servings if serving.effect != "does_not_apply"]
    own = Q(build__label__in=[text.slug, *text.labels]) | Q(build__label__startswith=f"{text.slug} ")
    seen = Total.objects.visible_to(user).filter(case__in=[s.case for s in wanted if s.case]).select_related("build")
    carrying = overview.summarised(seen.filter(own))
    releases = {summary.build.release for summary in carrying}
    without = overview.summarised(seen.filter(build__release__in=releases, build__label__in=BASES))
    pairs = _pairs(carrying, without)
    return [_tried(serving, pairs, text.slug) for serving in wanted]


def _tried(serving: Serving, pairs: dict[int, list[Pair]], label: str) -> Tried:
    case = serving.case
    found = pairs[case.pk] if case else []
    commands = () if case is None or not case.probe else _commands(case.probe, label)
    return Tried(serving.case_slug, case, tuple(found), commands)


def _commands(probe: str, label: str) -> tuple[str, ...]:
    lab = f"--cases {probe} --repeat {NEEDED} --submit {settings.SITE_URL}"
    return (
        f"python3 probe.pyz lab base/arch/x86/boot/bzImage --label base {lab}",
        f"python3 probe.pyz lab patched/arch/x86/boot/bzImage --label {label} {lab}",
    )


def _pairs(carrying: Iterable[Summary], without: Iterable[Summary]) -> dict[int, list[Pair]]:
    """By case: each build that carries it against its base; a base with the label `base` goes before one without."""
    base: dict[str, dict[str, list[Summary]]] = defaultdict(lambda: defaultdict(list))
    for summary in without:
        base[summary.build.release][summary.build.label].append(summary)
    builds: dict[KernelBuild, list[Summary]] = defaultdict(list)
    for summary in carrying:
        builds[summary.build].append(summary)
    made: dict[int, list[Pair]] = defaultdict(list)
    for build in sorted(builds, key=str):
        labelled = base[build.release]
        for pair in side_by_side.pair(labelled.get("base") or labelled.get("", []), builds[build]):
            if pair.b is not None:
                made[pair.case_id].append(pair)
    return made
