"""Which lines of a long text are left out. Pure; for differences, and for logs that are shown in part."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

# What stands in the place of lines left out takes a line itself: one line less saves nothing, and two or three are
# sooner read than wondered about.
LEAST = 4


def shown(wanted: Iterable[int], numbers: range) -> list[int]:
    """Of `numbers`, those that are wanted, and all that lie between where they are fewer than LEAST. In order."""
    inside = sorted({number for number in wanted if number in numbers})
    if not inside:
        return []
    edges = [numbers.start - 1, *inside, numbers.stop]
    close = [n for before, after in pairwise(edges) if after - before - 1 < LEAST for n in range(before + 1, after)]
    return sorted([*inside, *close])
