"""No regular expression of ours takes more time than the length of its text, whatever the text."""

from __future__ import annotations

import re
import time

import pytest

from diagnosis.kernels import releases
from tests import cpu
from tests.patterns import Used, adversaries, all_of_them

# Characters; after the first that takes ages no longer one is tried.
SIZES = (24, 28, 32, 500, 4_000, 16_000)
FLOOR_SECONDS = 0.004  # a linear one takes less than a millisecond for the last
LONG_SECONDS = 0.1
MOST_GROWTH = 3.0  # linear is 2, quadratic 4
# Where a pattern is only ever given so many characters, and is slower than linear in them. `where` begins so.
BOUNDED = {"diagnosis.kernels.releases._FAMILIES": 500}  # `read_uname` cuts what it is given; see below

pytestmark = pytest.mark.whole
PARTS = 24  # of all patterns: to find them takes seconds, which a run that leaves them out would pay for as well


def text(adversary: tuple[str, str, str], size: int) -> str:
    beginning, repeated, end = adversary
    return beginning + repeated * max((size - len(beginning) - len(end)) // len(repeated), 1) + end


def seconds(used: Used, given: str) -> float:
    began = time.thread_time()
    used.run(given)
    return time.thread_time() - began


def is_slow(used: Used, adversary: tuple[str, str, str], most: int) -> str:
    """'' or how its time grows. What else the machine does only adds, so it may try again."""
    for size in (size for size in SIZES if size <= most):
        took = seconds(used, text(adversary, size))
        if took < FLOOR_SECONDS:
            continue
        if size < 4_000 and took > 0.05:
            return f"{took:.2f} s for {size} characters"
        # Beside other work the shorter text may have had the better moments; of two long runs neither is all bad luck.
        for tries in (3, 6, 12) if took < LONG_SECONDS else (2,):
            half, whole = (min(seconds(used, text(adversary, n)) for _ in range(tries)) for n in (size // 2, size))
            if whole <= MOST_GROWTH * half or whole <= FLOOR_SECONDS:
                break
        else:
            return f"{half:.4f} s for {size // 2}, {whole:.4f} s for {size}"
    return ""


def test_every_pattern_of_the_tree_is_found() -> None:
    assert len(all_of_them()) > 200
    modules = {part for one in all_of_them() if "/" not in one.where for part in one.where.split(".")}
    assert {"redact", "unwrap", "markdown", "patches", "letters"} <= modules


def test_what_is_slower_than_its_length_is_given_little() -> None:
    with cpu.bounded(0.05):
        releases.read_uname("6.1" + ".1-a" * 250_000)


def test_a_slow_pattern_is_found_out() -> None:
    for slow in (
        r"(a+)+$",
        r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",
        r"^\s+|\s+$",
        r"(?:a|a)*b",
        r"<!--.*?-->",
        r"(?m)^\s*x",
    ):
        used = Used("", re.compile(slow), True)
        assert any(is_slow(used, one, 16_000) for one in adversaries(used.pattern)), slow
    for quick in (r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b", r"a{1,5}b", r"[^<]*<"):
        used = Used("", re.compile(quick), False)
        assert not any(is_slow(used, one, 16_000) for one in adversaries(used.pattern)), quick


@pytest.mark.parametrize("part", range(PARTS))
def test_no_pattern_takes_more_time_than_the_length_of_its_text(part: int) -> None:
    slow = {}
    for used in all_of_them()[part::PARTS]:
        most = next((bound for where, bound in BOUNDED.items() if used.where.startswith(where)), SIZES[-1])
        found = {one: how for one in adversaries(used.pattern) if (how := is_slow(used, one, most))}
        slow |= {used.where: (used.pattern.pattern, found)} if found else {}
    assert not slow
