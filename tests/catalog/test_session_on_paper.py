"""In a real browser: the agenda on paper has a row a case, with room to write beside what is to be decided."""

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
PLACES = """() => [...document.querySelectorAll('.agenda tbody tr')].map(one => {
    const [text, ...notes] = [...one.children].slice(1).map(e => e.getBoundingClientRect())
    return [text.right, ...notes.flatMap(e => [e.left, e.width, e.height])]
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


def test_each_case_is_a_row_with_room_to_write_beside_what_is_to_be_decided(paper: Page) -> None:
    places: list[Any] = paper.evaluate(PLACES)
    assert len(places) == 12
    for right, left, wide, height, *rest in places:
        assert left >= right - 1 and wide > 130 and height >= 40  # some 35 mm by 10 mm
        assert len(rest) == 6 and rest[1] > 130 and rest[4] > 50, "what is to be done, and by whom"
    assert paper.get_by_text("As of 20").is_visible() and paper.get_by_text("case-03", exact=True).is_visible()


def test_what_is_folded_stays_so_but_for_the_objections(paper: Page) -> None:
    assert not paper.get_by_text("Open question").first.is_visible()
    assert paper.get_by_text("Who should give way?").first.is_visible(), "the line of what is to be decided"
    assert paper.get_by_text("It costs a copy of each page").first.is_visible()


def test_several_cases_fit_on_a_page(paper: Page) -> None:
    printed = paper.pdf(format="A4", prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= 2


def test_what_is_for_paper_is_not_on_the_screen(paper: Page) -> None:
    paper.emulate_media(media="screen")
    assert not paper.get_by_text("As of 20").is_visible() and not paper.get_by_text("case-03", exact=True).is_visible()
    assert paper.get_by_text("The page prints with room").is_visible()
