"""Two builds side by side: for each case and mover what was seen on both, and whether that is a difference.

The rule is Fisher's exact test, in Freeman and Halton's form for more than two outcomes, two-sided, at 1 %. It asks how
often runs shuffled between the builds would look at least as different. Where even opposite outcomes in every run could
not reach 1 %, there are too few runs, and nothing is said.

`turned` names the direction, and is the one definition of it: pages, feeds, the journal and what is sent out ask it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.measured.overview import Summary
from diagnosis.words.vocabulary import CONCLUSIVE, HELD

_Key = tuple[int, str, str, str, str, str]  # case, mover, area, environment, architecture, kind

LEVEL = 0.01
DIFFERS, NO_DIFFERENCE, TOO_FEW, ONE_SIDE = "differs", "no_difference", "too_few_runs", "one_side"
FIXED, REGRESSED, NOW_INCONCLUSIVE = "fixed", "regressed", "now_inconclusive"
LEAST = 3  # conclusive runs on each side before a direction is named: beside a thousand runs, one slip would differ
# The tables of more than two outcomes are walked one by one: beyond this many they are told apart as held or not.
MOST_TABLES = 100_000


@dataclass(frozen=True)
class Pair:
    """Runs of one case, mover, area, environment, architecture and kind, on build a and on build b.

    The areas differ where one of them was in none."""

    case_id: int
    a: Summary | None
    b: Summary | None
    verdict: str
    p: float | None
    """None where nothing could be compared."""
    turned: str = ""
    """As `turned` says, from a to b."""

    @property
    def one(self) -> Summary:
        found = self.a or self.b
        assert found is not None
        return found

    @property
    def fewest(self) -> int:
        """How many runs on each side would suffice, where there are too few."""
        return next(n for n in range(1, 100) if best(n, n) < LEVEL)


def pair(a: Sequence[Summary], b: Sequence[Summary]) -> list[Pair]:
    """Everything that was seen on either, by case and mover."""
    one, other = {_key(s): s for s in a}, {_key(s): s for s in b}
    _place(one, other)
    _place(other, one)
    return [_paired(one.get(key), other.get(key)) for key in sorted({**one, **other})]


def _place(some: dict[_Key, Summary], others: dict[_Key, Summary]) -> None:
    """What was never in a movable area stands beside the one area where the other side was. Else memory that is not
    allocated there any more would have nothing to compare with: its runs are of no area."""
    for key in [key for key, summary in some.items() if key not in others and _was_nowhere(summary)]:
        met = [other for other in others if other not in some and other[:2] + other[3:] == key[:2] + key[3:]]
        if len(met) == 1:
            some[met[0]] = some.pop(key)


def _was_nowhere(summary: Summary) -> bool:
    return {word.slug for word, runs in summary.outcomes if runs and word.slug in CONCLUSIVE} == {"never_there"}


def _key(summary: Summary) -> _Key:
    words = (summary.mover.slug, summary.area.slug, summary.environment.slug)
    return (summary.case_id, *words, summary.architecture, summary.kind)


def _paired(a: Summary | None, b: Summary | None) -> Pair:
    case_id = (a or b).case_id  # type: ignore[union-attr]
    if a is None or b is None:
        return Pair(case_id, a, b, ONE_SIDE, None)
    before, after = ({word.slug: runs for word, runs in one.outcomes} for one in (a, b))
    return Pair(case_id, a, b, *compared(before, after), turned(before, after))


def compared(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[str, float | None]:
    """How runs by outcome on two builds differ, and the p of it: one of DIFFERS, NO_DIFFERENCE, TOO_FEW, ONE_SIDE."""
    nr_a, nr_b = _nr(a, CONCLUSIVE), _nr(b, CONCLUSIVE)
    if not nr_a or not nr_b:
        return ONE_SIDE, None
    if best(nr_a, nr_b) >= LEVEL:
        return TOO_FEW, None
    p = exact(*_counts(a, b))
    return (DIFFERS if p < LEVEL else NO_DIFFERENCE), p


def turned(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Whether what was measured turned from `before` to `after`, runs by outcome; '' where it did not or is not known.

    FIXED, REGRESSED: they differ, and by held or not held alone they differ too. That it refuses now where it hung is a
    difference and no turn. NOW_INCONCLUSIVE: none is conclusive any more, of so many inconclusive as could have told.
    """
    nr_before, nr_after = _nr(before, CONCLUSIVE), _nr(after, CONCLUSIVE)
    if nr_before < LEAST:
        return ""
    if not nr_after:
        nr_open = after.get("inconclusive", 0)
        return NOW_INCONCLUSIVE if nr_open >= LEAST and best(nr_before, nr_open) < LEVEL else ""
    if nr_after < LEAST or compared(before, after)[0] != DIFFERS:
        return ""
    held_before, held_after = _nr(before, HELD), _nr(after, HELD)
    if exact([held_before, nr_before - held_before], [held_after, nr_after - held_after]) >= LEVEL:
        return ""
    return FIXED if held_after * nr_before < held_before * nr_after else REGRESSED


def _nr(counts: Mapping[str, int], outcomes: Sequence[str]) -> int:
    return sum(counts.get(outcome, 0) for outcome in outcomes)


def _counts(a: Mapping[str, int], b: Mapping[str, int]) -> tuple[list[int], list[int]]:
    outcomes = [slug for slug in CONCLUSIVE if a.get(slug) or b.get(slug)]
    columns = [[one.get(slug, 0) for slug in outcomes] for one in (a, b)]
    totals = sorted(x + y for x, y in zip(*columns, strict=True))
    if len(outcomes) > 2 and math.prod(total + 1 for total in totals[:-1]) > MOST_TABLES:
        held = [_nr(one, HELD) for one in (a, b)]
        columns = [[held[0], _nr(a, CONCLUSIVE) - held[0]], [held[1], _nr(b, CONCLUSIVE) - held[1]]]
    return columns[0], columns[1]


def best(runs_a: int, runs_b: int) -> float:
    """The smallest p that so many runs can give: one outcome in every run of a, another in every run of b."""
    return exact([runs_a, 0], [0, runs_b])


def exact(a: Sequence[int], b: Sequence[int]) -> float:
    """The two-sided p of a table with two rows: the chance, with all totals given, of a table no likelier than this.

    Fisher 1922, Freeman and Halton 1951. Tables that are as likely but for rounding count, as in R's fisher.test.
    """
    return _exact(tuple(a), tuple(b))


@functools.lru_cache(maxsize=4_096)  # one page of strategies asks 370 times, for a few dozen tables
def _exact(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    totals = sorted(x + y for x, y in zip(a, b, strict=True))
    pairs = sorted(zip(a, b, strict=True), key=lambda column: column[0] + column[1])
    ways = sum(_ways(x + y, x) for x, y in pairs)
    everything = _ways(sum(totals), sum(a))
    limit = ways + 1e-7
    chances = (math.exp(way - everything) for way in _tables(totals, sum(a)) if way <= limit)
    return min(1.0, math.fsum(chances))


def _tables(totals: Sequence[int], row: int) -> Iterator[float]:
    """The logarithm of the number of ways to each table with these column totals and this first row."""
    first, rest = totals[0], totals[1:]
    if not rest:
        if 0 <= row <= first:
            yield _ways(first, row)
        return
    for count in range(max(0, row - sum(rest)), min(first, row) + 1):
        way = _ways(first, count)
        for more in _tables(rest, row - count):
            yield way + more


def _ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
