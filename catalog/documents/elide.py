"""Which lines of a long text to show, and which to leave out. Pure; used by differences and by annotated logs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

# The marker of a gap takes a line itself: to leave out one line saves nothing, and two or three are read faster than
# they are wondered about.
MIN_GAP = 4


def lines_to_show(wanted: Iterable[int], numbers: range) -> list[int]:
    """The wanted ones of `numbers`, and every gap between them that is shorter than MIN_GAP. In order."""
    inside = sorted({number for number in wanted if number in numbers})
    if not inside:
        return []
    edges = [numbers.start - 1, *inside, numbers.stop]
    close = [n for before, after in pairwise(edges) if after - before - 1 < MIN_GAP for n in range(before + 1, after)]
    return sorted([*inside, *close])
