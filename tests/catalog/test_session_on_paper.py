"""In a real browser: the session's page on paper holds several cases a page, each with room to write below its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER

pytestmark = IN_A_BROWSER
QUESTION = "A summary.\n\n## Open question\n\nWho should give way?"
PLACES = """() => [...document.querySelectorAll('.agenda')].map(one => {
    const [text, notes] = [...one.querySelector('.asked-and-noted').children].map(e => e.getBoundingClientRect())
    return [one.clientWidth, text.width, text.bottom, notes.top, notes.width, notes.height]
})"""


@pytest.fixture
def paper(visit: Callable[..., Page]) -> Page:
    """Twelve cases, the first with six proposals. As wide as A4 between its margins."""
    for n in range(12):
        builders.case(f"case-{n:02}", body=QUESTION)
    for n in range(6):
        objections = [{"id": "one", "text": "It costs a copy of each page, and a walk of all page tables."}] * (n % 2)
        builders.strategy(f"strategy-{n}", ("case-00",), objections=objections)
    page = visit("/agenda/", viewport={"width": 703, "height": 1017})
    page.emulate_media(media="print")
    return page


def test_notes_stand_below_the_text_and_both_are_as_wide_as_the_paper(paper: Page) -> None:
    places: list[Any] = paper.evaluate(PLACES)
    assert len(places) == 12
    for width, text_width, bottom, notes_top, notes_width, notes_height in places:
        assert min(text_width, notes_width) > 0.95 * width and notes_top >= bottom
        assert notes_height >= 40  # some 10 mm to write on
    assert paper.get_by_text("As of 20").is_visible() and paper.get_by_text("case-03", exact=True).is_visible()


def test_several_cases_fit_on_a_page(paper: Page) -> None:
    printed = paper.pdf(format="A4", prefer_css_page_size=True)
    assert 1 < len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= 3


def test_what_is_for_paper_is_not_on_the_screen(paper: Page) -> None:
    paper.emulate_media(media="screen")
    assert not paper.get_by_text("As of 20").is_visible() and not paper.get_by_text("case-03", exact=True).is_visible()
    assert paper.get_by_text("The page prints with room").is_visible()
