"""CPU time for tests, told in the time that a fixed piece of work takes beside it.

CPU seconds are no constant: a core that two threads share, a small cache or a slow clock doubles them. So a bound is
told in seconds of one quiet machine, and holds as many times longer as this one takes longer for the same work.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

QUIET_SECONDS = 0.02  # what `yardstick` takes there
TRIES = 10
_WORD = re.compile(r"[a-z]+")


def yardstick() -> float:
    """CPU seconds of a little of everything that our code does: numbers, words, dictionaries, a regular expression."""
    began = time.thread_time()
    ends: dict[str, int] = {}
    for number in range(30_000):
        word = f"line {number % 97} of {number}"
        found = _WORD.search(word)
        ends[word[:8]] = ends.get(word[:8], 0) + (found.end() if found else 0)
    return time.thread_time() - began


def slowness() -> float:
    """How many times longer than there work takes here at this moment; at least 1."""
    return max(1.0, *(yardstick() / QUIET_SECONDS for _ in range(TRIES)))


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """What this thread does in the block takes less CPU time than so many seconds of the quiet machine.

    The yardstick is laid on only where it took more: it costs time itself.
    """
    began = time.thread_time()
    yield
    took = time.thread_time() - began
    if took >= seconds:
        most = seconds * slowness()
        assert took < most, f"{took:.2f} CPU s, and not {most:.2f} ({seconds:g} on a quiet machine)"
