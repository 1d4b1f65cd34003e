"""Seconds in buckets whose width grows with the value: two buckets an octave, from a millisecond to three hours.

A value read back is right to within a factor of 2 ** 0.25 (19 %), and shown with one digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

BUCKETS = 48
FIRST_SECONDS = 0.001
PER_OCTAVE = 2


def bucket(seconds: float) -> int:
    """The bucket of a time, 0 to BUCKETS - 1; what is shorter or longer falls into the first or last."""
    if seconds <= FIRST_SECONDS:
        return 0
    return min(BUCKETS - 1, 1 + math.floor(PER_OCTAVE * math.log2(seconds / FIRST_SECONDS)))


def middle(index: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    if index == 0:
        return FIRST_SECONDS
    return FIRST_SECONDS * math.pow(2, (index - 0.5) / PER_OCTAVE)


def of(seconds: float | None) -> list[int]:
    """The histogram of one run; all zero where the time is not known."""
    made = [0] * BUCKETS
    add(made, seconds)
    return made


def add(histogram: list[int], seconds: float | None) -> None:
    """Adds one run; nothing where the time is not known."""
    if seconds is not None:
        histogram[bucket(seconds)] += 1


def added(histograms: Iterable[Sequence[int]]) -> list[int]:
    made = [0] * BUCKETS
    for histogram in histograms:
        for index, number in enumerate(histogram):
            made[index] += number
    return made


def median(histogram: Sequence[int]) -> float | None:
    """The middle of the bucket that holds the median, in seconds; None where nothing was timed."""
    total = sum(histogram)
    seen = 0
    for index, number in enumerate(histogram):
        seen += number
        if 2 * seen >= total > 0:
            return middle(index)
    return None
