"""Five tasks by the keyboard alone, in a real browser: no mouse, no focus that is lost, and few stops to each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from people.models import Role
from tests import builders
from tests.browsing import IN_A_BROWSER, sign_in
from tests.catalog.test_drawings import TREES
from tests.catalog.test_measured import tally

pytestmark = IN_A_BROWSER
LOG = "INFO: task khugepaged:41 blocked for more than 120 seconds.\n folio_wait_writeback+0x2a/0x90\n"
NOW = "A summary.\n\n## What to do now\n\n1. Look at it.\n\n   ```sh reads\n   cat /proc/cmdline\n   ```\n"


@pytest.fixture
def site() -> None:
    case = builders.case(trees=TREES, body=NOW)
    tally(case, "7.3.4", "hangs", runs=4, mover="offline")
    builders.strategy("way-out", (case.slug,), objections=[{"id": "cost", "text": "It costs a copy."}])


def tab_to(page: Page, where: str, most: int) -> None:
    """Presses Tab until the focus is on what `where` selects. Whatever is on the way shows that it has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused, is_shown = page.evaluate(
            """where => {
                const one = document.activeElement, style = getComputedStyle(one)
                const ring = style.outlineStyle !== "none" || style.boxShadow !== "none"
                return [one.matches(where), ring && one !== document.body]
            }""",
            where,
        )
        assert is_shown, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if focused:
            return
    raise AssertionError(f"{where} is not reached with {most} stops")


def test_is_this_kernel_affected(visit: Callable[..., Page], site: None) -> None:
    page = visit("/")
    tab_to(page, "main input[name=kernel]", 14)
    page.keyboard.type("7.3.4+deb13-amd64")
    page.keyboard.press("Enter")
    page.wait_for_url("**/affected/?kernel=*")
    tab_to(page, "main a[href='/cases/fuse-writeback/']", 24)


def test_what_is_stuck_here(visit: Callable[..., Page], site: None) -> None:
    page = visit("/diagnose/")
    tab_to(page, "textarea", 14)
    page.keyboard.type(LOG)
    tab_to(page, "main button", 8)
    page.keyboard.press("Enter")
    # What was pasted is folded away above the answer.
    page.get_by_text("folio_wait_writeback").filter(visible=True).first.wait_for()


def test_what_to_do_now_is_one_link_into_a_case_and_copied(visit: Callable[..., Page], site: None) -> None:
    page = visit("/cases/fuse-writeback/")
    tab_to(page, ".contents a[href='#what-to-do-now']", 14)
    page.keyboard.press("Enter")
    tab_to(page, "#what-to-do-now .copy", 8)
    page.keyboard.press("Enter")
    page.get_by_text("copied", exact=False).first.wait_for()


def test_a_case_over_kernels_by_another_mover(visit: Callable[..., Page], site: None) -> None:
    page = visit("/kernels/")
    tab_to(page, ".movers a[href$='mover=offline']", 16)
    page.keyboard.press("Enter")
    page.wait_for_url("**/kernels/?mover=offline")
    tab_to(page, "#lifelines svg a", 18)
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/fuse-writeback/#kernels")


def test_a_note_is_taken_in_a_session(visit: Callable[..., Page], site: None) -> None:
    page = visit("/")
    sign_in(page, builders.person("ed", Role.EDITOR))
    page.goto("/agenda/")
    tab_to(page, "main summary", 14)
    page.keyboard.press("Enter")
    tab_to(page, "input[name=title]", 2)
    page.keyboard.type("In the room")
    tab_to(page, "form.narrow button", 8)  # a date has three parts
    page.keyboard.press("Enter")
    page.wait_for_url("**/agenda/*/")
    tab_to(page, "textarea[name=decided]", 22)
    page.keyboard.type("Skip it.")
    tab_to(page, ".notes .btn", 3)
    page.keyboard.press("Enter")
    page.wait_for_url("**/agenda/*/#p*")
    assert page.locator("textarea[name=decided]").input_value() == "Skip it."
