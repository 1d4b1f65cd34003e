"""Which lines of a text are looked at at all."""

from __future__ import annotations

import pytest

from diagnosis.text.needles import _SHARED, NEEDLES, relevant


@pytest.mark.parametrize("needle", NEEDLES)
def test_a_line_with_any_needle_is_found_and_the_two_after_it(needle: str) -> None:
    """Whatever other needles the text lacks: a part that several share is looked for once, in their stead."""
    before, after = ["nothing here"] * 20, ["one", "two", "three"]
    text = "\n".join([*before, f"x {needle} y", *after])
    found = dict(relevant(text))
    assert found[21] == f"x {needle} y" and (found[22], found[23]) == ("one", "two") and 24 not in found


def test_a_part_that_needles_share_stands_for_several() -> None:
    assert all(sum(part in needle for needle in NEEDLES) > 1 for part in _SHARED)
    assert not list(relevant("nothing here\n" * 100))
