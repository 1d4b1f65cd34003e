"""How a course goes on: which builds are compared with which, and when that is news. Touches no database.

Docs: docs/events.md, "When an outcome changed". The rule itself is `catalog.measured.side_by_side.turned`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from catalog.measured.side_by_side import DIFFERS, LEAST, NO_DIFFERENCE, NOW_INCONCLUSIVE, compared, turned
from catalog.models import Course
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import CONCLUSIVE, HELD, OUTCOMES

MOST = 20  # builds on either side of a comparison: what is older says nothing new


@dataclass(frozen=True)
class Track:
    """The builds that one can be ordered among."""

    line: str
    family: str
    order: tuple[int, ...]


@dataclass(frozen=True)
class Turned:
    """`n` counts the turns of one course."""

    n: int
    word: str
    p: float | None
    before: Counter[str]
    after: Counter[str]
    builds_before: tuple[int, ...]
    builds_after: tuple[int, ...]


@lru_cache(4096)
def track(release: str) -> Track:
    read = releases.read(release)
    return Track(read.line, read.built_by if read.hides_patch else "", read.order)


def begin(course: Course, builds: Sequence[tuple[tuple[int, ...], int]], new: set[int]) -> None:
    """From the builds on which it was measured, with their orders: those that are not `new` are what it goes on from,
    or else the first. What was there before anybody followed is no news."""
    ordered = sorted(builds)
    settled = [one for one in ordered if one[1] not in new] or ordered[:1]
    course.settled = [build for _, build in settled][-MOST:]
    course.order = list(settled[-1][0])


def advance(
    course: Course,
    builds: Iterable[int],
    runs: Mapping[int, Sequence[int]],
    orders: Mapping[int, tuple[int, ...]],
) -> list[Turned]:
    """Takes builds with new runs, from older to newer, one after the other: two that came at once are not pooled before
    each was looked at. `runs`: by build, in the order of OUTCOMES; `orders`: of all builds."""
    told = []
    for build in builds:
        if _is_taken(course, build, orders[build]) and (change := go_on(course, runs, orders)) is not None:
            told.append(change)
    return told


def _is_taken(course: Course, build: int, order: tuple[int, ...]) -> bool:
    """One that is older than what was told, or of equal rank, is too late."""
    if build in course.settled:
        return False
    if build not in course.newer:
        if order <= tuple(course.order):
            return False
        course.newer = [*course.newer, build][-MOST:]
    return True


def go_on(course: Course, runs: Mapping[int, Sequence[int]], orders: Mapping[int, tuple[int, ...]]) -> Turned | None:
    """Compares what is newer with what was told, and moves on as far as that tells something. `runs`: by build, in the
    order of OUTCOMES; `orders`: of all builds."""
    before, after = _summed(course.settled, runs), _summed(course.newer, runs)
    word = turned(before, after)
    verdict, p = compared(before, after)
    told = Turned(course.nr_turns + 1, word, p, before, after, tuple(course.settled), tuple(course.newer))
    if word == NOW_INCONCLUSIVE:
        was, course.is_inconclusive = course.is_inconclusive, True
        if was:
            return None
    elif word:
        _move(course, [], orders)
    elif verdict in (DIFFERS, NO_DIFFERENCE) or (not course.label and _says_the_same(before, after)):
        # Of a label, what came before it is another kernel: not pooled with it.
        _move(course, [] if course.label or verdict == DIFFERS else course.settled, orders)
        return None
    else:
        return None
    course.nr_turns += 1
    return told


def catch_up(course: Course, runs: Mapping[int, Sequence[int]], orders: Mapping[int, tuple[int, ...]]) -> None:
    """Goes through the builds that it began with, one after the other, and tells nothing: what turned among them did so
    before anybody followed. Doing it twice, as two workers may, changes nothing."""
    known = course.settled
    course.settled, course.newer = known[:1], []
    for build in known[1:]:
        course.newer.append(build)
        go_on(course, runs, orders)


def _move(course: Course, kept: Sequence[int], orders: Mapping[int, tuple[int, ...]]) -> None:
    course.order = list(max(orders[build] for build in course.newer))
    course.settled, course.newer = [*kept, *course.newer][-MOST:], []
    course.is_inconclusive = False


def _says_the_same(before: Mapping[str, int], after: Mapping[str, int]) -> bool:
    """Whether few runs need not wait for more: too few are before them, or all were held, or none, on both sides."""
    if _nr(before, CONCLUSIVE) < LEAST:
        return True
    held = {_nr(one, HELD) / nr for one in (before, after) if (nr := _nr(one, CONCLUSIVE))}
    return held in ({0}, {1}) and _nr(after, CONCLUSIVE) > 0


def _summed(builds: Iterable[int], runs: Mapping[int, Sequence[int]]) -> Counter[str]:
    made: Counter[str] = Counter()
    for build in builds:
        made.update({outcome: nr for outcome, nr in zip(OUTCOMES, runs.get(build, ()), strict=False) if nr})
    return made


def _nr(counts: Mapping[str, int], outcomes: Sequence[str]) -> int:
    return sum(counts.get(outcome, 0) for outcome in outcomes)
