"""Whatever the text: no crash, and time that grows with its length and not faster."""

from __future__ import annotations

import time

import pytest

from diagnosis.answers.plain import shown
from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.text import unwrap
from tests.diagnosis.adversarial import TEXTS

# Linear is 8-fold, quadratic 64-fold. Between the two there is room for a machine that does other things.
FACTOR, MOST, TRIES = 8, 24, 3
FLOOR_SECONDS = 0.02
LINE, MANY_LINES = 1_000_000, 200_000


def seconds(text: str) -> float:
    began = time.process_time()
    shown(diagnose(text, signatures()))
    return time.process_time() - began


@pytest.mark.whole
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


def unwrapped(text: str) -> list[unwrap.Piece]:
    return list(unwrap.pieces(enumerate(text.split("\n"), 1), unwrap.dress(text)))


def test_soft_breaks_that_join_nothing_leave_nothing() -> None:
    (piece,) = unwrapped("page: " + "=\n" * 10_000)
    assert (piece.text, len(piece.spans)) == ("page: ", 1)


def test_escapes_cost_no_more_for_the_breaks_between_them() -> None:
    """A piece is cut at each of its escapes: walking its breaks each time took a second and a half for each 8 kB."""
    broken, whole = ("=3D=\n" * 2_700 + "\n") * 2, ("=3D" * 2_700 + "\n") * 2 + "=\n"

    def cost(text: str) -> float:
        began = time.process_time()
        made = unwrapped(text)
        assert made[0].text == made[1].text == "=" * 2_700
        return time.process_time() - began

    for left in range(TRIES, 0, -1):
        if cost(broken) < MOST * max(cost(whole), FLOOR_SECONDS):
            return
        assert left > 1, "it costs its length times its breaks"
