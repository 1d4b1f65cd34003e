"""What was read once is not read again, within bounds."""

from __future__ import annotations

import pytest

from catalog.documents import parser
from catalog.documents.text_cache import LEAST, Remembering


def test_the_latest_texts_are_kept_and_no_more_than_so_many_characters() -> None:
    read = Remembering(str.upper, 3 * 1_000)
    texts = [letter * 1_000 for letter in "abcd"]
    for text in [*texts[:3], texts[0], texts[3]]:  # the fourth pushes out the one asked for longest ago
        read(text)
    assert (read.nr_read, read.size) == (4, 3_000)
    read(texts[0])
    assert read.nr_read == 4
    assert read(texts[1]) == "B" * 1_000 and read.nr_read == 5


def test_short_texts_count_as_much_as_their_results_take() -> None:
    read = Remembering(str.upper, 10 * LEAST)
    for n in range(1_000):
        read(str(n))
    assert read.size == 10 * LEAST


def test_a_text_longer_than_all_that_is_kept_is_read_and_not_kept() -> None:
    read = Remembering(str.upper, LEAST)
    assert read("x" * 1_000) == "X" * 1_000 and read.size == 0


def test_what_is_malformed_is_kept_nowhere() -> None:
    size = parser.parse.size
    with pytest.raises(parser.Malformed):
        parser.parse("nothing" * 1_000)
    assert parser.parse.size == size
