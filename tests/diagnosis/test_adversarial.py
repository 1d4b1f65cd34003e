"""Whatever the text: no crash, and time that grows with its length and not faster."""

from __future__ import annotations

import time

import pytest

from diagnosis.answers.plain import shown
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from tests.diagnosis.adversarial import TEXTS

# Linear is 8-fold, quadratic 64-fold. Between the two there is room for a machine that does other things.
FACTOR, MOST, TRIES = 8, 24, 3
FLOOR_SECONDS = 0.02
LINE, MANY_LINES = 1_000_000, 200_000


def seconds(text: str) -> float:
    began = time.process_time()
    shown(diagnose(text, signatures()))
    return time.process_time() - began


@pytest.mark.parametrize("name", TEXTS)
def test_an_adversarial_text_costs_linear_time(name: str) -> None:
    """Lines of a megabyte, and many lines. What others do on the machine only adds, so it may try again."""
    size = MANY_LINES if TEXTS[name](2_000).count("\n") > 5 else LINE
    small, large = TEXTS[name](size // FACTOR), TEXTS[name](size)
    assert len(large) > 0.9 * size
    for left in range(TRIES, 0, -1):
        if seconds(large) < MOST * max(seconds(small), FLOOR_SECONDS):
            return
        assert left > 1, "it costs more than its length"
