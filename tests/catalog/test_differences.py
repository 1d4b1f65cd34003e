"""Diffs say what changed, where, and in bounded time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents.line_diff import DiffLine, diff
from tests import cpu

TEXTS = st.lists(st.sampled_from(["a", "b", "c d e", "c x e", ""]), max_size=15).map("\n".join)


def said(lines: tuple[DiffLine, ...]) -> list[str]:
    return [line.sign + "".join(span.text for span in line.spans) for line in lines]


def test_a_change_stands_with_three_lines_around_it_and_both_line_numbers() -> None:
    before = "\n".join(str(n) for n in range(1, 21))
    made = diff(before, before.replace("10", "ten", 1))
    (hunk,) = made.hunks
    assert said(hunk.lines) == [" 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13"]
    assert (made.added, made.removed, hunk.skipped, made.skipped) == (1, 1, 6, 7)
    assert [(line.before, line.after) for line in hunk.lines[2:5]] == [(9, 9), (10, None), (None, 10)]


def test_changes_far_apart_are_two_hunks() -> None:
    before = [str(n) for n in range(30)]
    after = ["first", *before[1:-1], "last"]
    assert [hunk.skipped for hunk in diff("\n".join(before), "\n".join(after)).hunks] == [0, 22]


@pytest.mark.parametrize(("between", "skipped"), [(6, [0]), (7, [0]), (9, [0]), (10, [0, 4]), (11, [0, 5])])
def test_equal_lines_are_left_out_where_that_saves_room(between: int, skipped: list[int]) -> None:
    """So many equal lines between two changes, of which three stay beside each."""
    equal = [str(n) for n in range(between)]
    made = diff("\n".join(["a", *equal, "b"]), "\n".join(["x", *equal, "y"]))
    assert [hunk.skipped for hunk in made.hunks] == skipped


@pytest.mark.parametrize(("around", "skipped"), [(3, 0), (6, 0), (7, 4)])
def test_a_few_equal_lines_at_either_end_are_shown(around: int, skipped: int) -> None:
    equal = [str(n) for n in range(around)]
    made = diff("\n".join([*equal, "a", *equal]), "\n".join([*equal, "b", *equal]))
    assert (made.hunks[0].skipped, made.skipped) == (skipped, skipped)


def test_the_words_that_differ_are_marked() -> None:
    made = diff("time: bounded by a timeout", "time: unbounded by a timeout")
    assert [[span.text for span in line.spans if span.changed] for line in made.hunks[0].lines] == [
        ["bounded "],
        ["unbounded "],
    ]


def test_equal_texts_have_no_hunk() -> None:
    assert diff("a\nb", "a\nb").hunks == ()


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_their_diff(before: str, after: str) -> None:
    lines = [line for hunk in diff(before, after, context=1_000).hunks for line in said(hunk.lines)]
    if before != after:
        assert [line[1:] for line in lines if line[0] in " -"] == before.split("\n")
        assert [line[1:] for line in lines if line[0] in " +"] == after.split("\n")


def test_texts_made_to_be_slow_are_compared_in_seconds() -> None:
    """Without its bound the first pair takes hours."""
    alternating = ["\n".join(f"x\n{who}{n}" for n in range(600)) for who in "ab"]
    pairs = [("x\n" * 100_000, "y\n" + "x\n" * 99_000 + "z"), (alternating[0], alternating[1])]
    with cpu.bounded(10):
        for before, after in pairs:
            made = diff(before, after)
            assert made.added and made.removed
