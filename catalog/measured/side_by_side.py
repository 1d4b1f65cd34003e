"""Two builds side by side: for each case and mover what was seen on both, and whether that is a difference.

The rule is Fisher's exact test, in Freeman and Halton's form for more than two outcomes, two-sided, at 1 %. It asks how
often runs shuffled between the builds would look at least as different. Where even opposite outcomes in every run could
not reach 1 %, there are too few runs, and nothing is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.measured.overview import Summary
from diagnosis.words.vocabulary import CONCLUSIVE, HELD

LEVEL = 0.01
DIFFERS, NO_DIFFERENCE, TOO_FEW, ONE_SIDE = "differs", "no_difference", "too_few_runs", "one_side"
# The tables of more than two outcomes are walked one by one: beyond this many they are told apart as held or not.
MOST_TABLES = 100_000


@dataclass(frozen=True)
class Pair:
    """Runs of one case, mover, area, environment, architecture and kind, on build a and on build b."""

    case_id: int
    a: Summary | None
    b: Summary | None
    verdict: str
    p: float | None
    """None where nothing could be compared."""

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
    return [_compared(one.get(key), other.get(key)) for key in sorted({**one, **other})]


def _key(summary: Summary) -> tuple[int, str, str, str, str, str]:
    words = (summary.mover.slug, summary.area.slug, summary.environment.slug)
    return (summary.case_id, *words, summary.architecture, summary.kind)


def _compared(a: Summary | None, b: Summary | None) -> Pair:
    case_id = (a or b).case_id  # type: ignore[union-attr]
    if a is None or b is None or not a.conclusive or not b.conclusive:
        return Pair(case_id, a, b, ONE_SIDE, None)
    if best(a.conclusive, b.conclusive) >= LEVEL:
        return Pair(case_id, a, b, TOO_FEW, None)
    p = exact(*_counts(a, b))
    return Pair(case_id, a, b, DIFFERS if p < LEVEL else NO_DIFFERENCE, p)


def _counts(a: Summary, b: Summary) -> tuple[list[int], list[int]]:
    seen = [{word.slug: runs for word, runs in summary.outcomes} for summary in (a, b)]
    outcomes = [slug for slug in CONCLUSIVE if seen[0].get(slug) or seen[1].get(slug)]
    columns = [[one.get(slug, 0) for slug in outcomes] for one in seen]
    totals = sorted(x + y for x, y in zip(*columns, strict=True))
    if len(outcomes) > 2 and math.prod(total + 1 for total in totals[:-1]) > MOST_TABLES:
        held = [sum(one.get(slug, 0) for slug in HELD) for one in seen]
        columns = [[held[0], a.conclusive - held[0]], [held[1], b.conclusive - held[1]]]
    return columns[0], columns[1]


def best(runs_a: int, runs_b: int) -> float:
    """The smallest p that so many runs can give: one outcome in every run of a, another in every run of b."""
    return exact([runs_a, 0], [0, runs_b])


def exact(a: Sequence[int], b: Sequence[int]) -> float:
    """The two-sided p of a table with two rows: the chance, with all totals given, of a table no likelier than this.

    Fisher 1922, Freeman and Halton 1951. Tables that are as likely but for rounding count, as in R's fisher.test.
    """
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
