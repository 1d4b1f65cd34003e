"""The list of words that `make lint` holds finds what it is for, and leaves alone what is right."""

from __future__ import annotations

import pytest

from tools import words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The token opens nothing any more.", 1),
        ("Fine.\n“zzzz” stands\n  nowhere.", 2),
        ("<p>\n<button class='btn'>Share\n  it</button>", 2),
        ("What was decided Stands Below.", 1),
    ],
)
def test_what_is_wrong_is_found_with_its_line_and_with_what_to_write(text: str, line: int) -> None:
    ((found, said, instead),) = words.faults(text)
    assert found == line and said and instead


@pytest.mark.parametrize(
    "text", ["Requests with it now get 401.", "It stands for a page.", "<button>Share the log</button>"]
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert list(words.faults(text)) == []


def test_pages_texts_and_documents_are_all_read_and_say_nothing_of_it() -> None:
    read = {words.named(path).split("/")[0] for path in words.places()}
    assert read == {"templates", "data", "docs", "README.md", "CONTRIBUTING.md"}
    assert words.main([]) == 0
