"""In a real browser: what is selected in a comment is quoted, or becomes an objection; else its beginning does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from discussion.comments import threads
from people.models import Role
from tests import builders
from tests.browsing import IN_A_BROWSER, looked_over, sign_in

pytestmark = IN_A_BROWSER
SAID = "> Is it bounded?\n\nIt is not.\n\nIt *sleeps*, and the page stays.\n"


def select(page: Page, words: str) -> None:
    """As somebody does who draws the mouse over the last words of a paragraph."""
    page.locator(".said p", has_text=words).evaluate("p => document.getSelection().selectAllChildren(p)")


@pytest.mark.parametrize("width", [1280, 360])
def test_a_selection_is_quoted_and_becomes_an_objection(visit: Callable[..., Page], width: int) -> None:
    strategy, ann = builders.strategy(), builders.person("ann")
    threads.say(strategy.document, ann, SAID)
    page = visit(viewport={"width": width, "height": 800})
    sign_in(page, builders.person("ed", role=Role.EDITOR))
    page.goto(strategy.get_absolute_url())
    select(page, "It sleeps")
    page.get_by_role("link", name="Quote", exact=True).click()
    assert page.get_by_label("Reply to ann").input_value() == "> It sleeps, and the page stays.\n\n"
    select(page, "It sleeps")
    page.get_by_role("link", name="As an objection").click()
    assert page.get_by_label("What it says").input_value() == "It sleeps, and the page stays."
    page.get_by_text("All of it").click()
    looked_over(page, width)
    page.get_by_role("button", name="Record an objection").click()
    page.locator("#objections").get_by_text("It sleeps, and the page stays.").wait_for()


@pytest.mark.parametrize("scripts", [True, False])
def test_without_a_selection_the_objection_begins_as_the_comment_does(
    visit: Callable[..., Page], scripts: bool
) -> None:
    strategy, ann = builders.strategy(), builders.person("ann")
    threads.say(strategy.document, ann, SAID)
    page = visit(java_script_enabled=scripts)
    sign_in(page, builders.person("ed", role=Role.EDITOR))
    page.goto(strategy.get_absolute_url())
    page.get_by_role("link", name="As an objection").click()
    assert page.get_by_label("What it says").input_value() == "It is not."
