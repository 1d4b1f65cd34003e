"""The kernels that something was measured on: builds, their lines, how stale they are, and a matrix of cases by line.

Movers are never pooled. A build with a label is somebody's candidate: it is listed, and stays out of the matrix.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max

from catalog.measured.overview import GLYPHS, verdict
from catalog.models import KernelBuild, Total
from diagnosis.kernels import releases
from diagnosis.kernels.releases import Release
from diagnosis.words.vocabulary import ENVIRONMENTS, MOVERS, Word, look_up, look_up_area


@dataclass(frozen=True)
class Build:
    """One build, architecture and environment; `newer` is the newest plain build of its line, where that is another.

    `base`: of a build with a label, what it can be compared with: the plain one, or the one that the lab called base.
    """

    build: KernelBuild
    read: Release
    architecture: str
    environment: Word
    nr_cases: int
    last_seen_at: datetime
    newer: KernelBuild | None
    base: KernelBuild | None


@dataclass(frozen=True)
class KernelLine:
    name: str
    vendor: str
    newest: KernelBuild


@dataclass(frozen=True)
class Mark:
    """The newest conclusive runs of one mover on one line."""

    mover: Word
    area: str
    where: str
    build: KernelBuild
    held: int
    conclusive: int
    is_newest: bool
    apart: str = ""
    """What tells it from another mark of the same mover beside it: the area, or what it ran on."""

    @property
    def verdict(self) -> str:
        return verdict(self.held, self.conclusive)

    @property
    def glyph(self) -> str:
        return GLYPHS[self.verdict]

    @property
    def said(self) -> str:
        age = "" if self.is_newest else ", the newest build of this line on which it was tried"
        return (
            f"{self.mover.label}, {self.area}, {self.where}: held in {self.held} of {self.conclusive} runs "
            f"on {self.build.release}{age}"
        )


def newest(builds: Iterable[KernelBuild]) -> dict[str, KernelBuild]:
    """By line: the newest build without a label."""
    made: dict[str, KernelBuild] = {}
    for build in sorted((b for b in builds if not b.label), key=lambda b: (releases.read(b.release).order, b.release)):
        made[releases.read(build.release).line] = build
    return made


def known(user: Any) -> list[Build]:
    """Every build, newest first; of equal ones the plain one first. Two queries."""
    rows = list(
        Total.objects.visible_to(user)
        .values("build_id", "architecture", "environment")
        .annotate(nr_cases=Count("case", distinct=True), last_seen_at=Max("last_seen_at"))
    )
    # In this order: a build that a worker adds between the two is not asked for. The other way round it was missing.
    builds = KernelBuild.objects.in_bulk({row["build_id"] for row in rows})
    ahead = newest(builds[row["build_id"]] for row in rows)
    by_label = {(one.release, one.label): one for one in builds.values()}
    made = [_build(builds[row["build_id"]], row, ahead, by_label) for row in rows]
    made.sort(key=lambda one: (one.build.label, one.build.release, one.environment.slug, one.architecture))
    made.sort(key=lambda one: one.read.order, reverse=True)  # stable: of equal versions the order above stays
    return made


def _build(
    build: KernelBuild,
    row: Mapping[str, Any],
    ahead: dict[str, KernelBuild],
    by_label: dict[tuple[str, str], KernelBuild],
) -> Build:
    read = releases.read(build.release)
    other = ahead.get(read.line)
    newer = other if other and releases.compare(read, releases.read(other.release)) == -1 else None
    environment = look_up(ENVIRONMENTS, row["environment"])
    bases = (by_label.get((build.release, label)) for label in ("", "base") if label != build.label)
    base = next(filter(None, bases), None) if build.label else None
    return Build(build, read, row["architecture"], environment, row["nr_cases"], row["last_seen_at"], newer, base)


def lines(builds: Iterable[Build]) -> list[KernelLine]:
    """Upstream's lines, newest first, then the vendors'."""
    made = [
        KernelLine(name, releases.read(b.release).vendor, b) for name, b in newest(one.build for one in builds).items()
    ]
    made.sort(key=lambda line: releases.read(line.newest.release).order, reverse=True)
    return sorted(made, key=lambda line: line.vendor)


def matrix(user: Any, builds: Iterable[Build]) -> dict[int, dict[str, list[Mark]]]:
    """By case and line: a mark for each mover, area and so on, from the newest build that has runs. One query."""
    plain = {one.build.pk: one for one in builds if not one.build.label}
    key = ("case_id", "build_id", "mover", "area", "environment", "architecture", "kind")
    rows = Total.objects.visible_to(user).filter(build__in=plain, conclusive__gt=0)
    counts = {tuple(at): (held, conclusive) for *at, held, conclusive in rows.values_list(*key, "held", "conclusive")}
    latest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for at in sorted(counts, key=lambda at: (plain[at[1]].read.order, plain[at[1]].build.release)):
        latest[at[0], plain[at[1]].read.line, *at[2:]] = at
    ahead = {build.pk for build in newest(one.build for one in plain.values()).values()}
    made: dict[int, dict[str, list[Mark]]] = defaultdict(lambda: defaultdict(list))
    for (case, line, *_), at in sorted(latest.items()):
        made[case][line].append(_mark(at, plain[at[1]].build, counts[at], at[1] in ahead))
    return {case: {line: _told_apart(marks) for line, marks in by_line.items()} for case, by_line in made.items()}


def _told_apart(marks: list[Mark]) -> list[Mark]:
    by_mover: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        by_mover[mark.mover.slug].append(mark)
    made = []
    for alike in by_mover.values():
        areas, places = {mark.area for mark in alike}, {mark.where for mark in alike}
        for mark in alike:
            apart = [mark.area] * (len(areas) > 1) + [mark.where] * (len(places) > 1)
            made.append(replace(mark, apart=", ".join(apart)))
    return made


def _mark(at: tuple[Any, ...], build: KernelBuild, count: tuple[int, int], is_newest: bool) -> Mark:
    _, _, mover, area, environment, architecture, kind = at
    where = f"{architecture} {look_up(ENVIRONMENTS, environment).label}" + ("" if kind == "run" else f", from a {kind}")
    return Mark(look_up(MOVERS, mover), look_up_area(area).label, where, build, *count, is_newest)
