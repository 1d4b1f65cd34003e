"""The page of a case in a real browser: where the answer is, how high it all is, the first stop of the tab key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests import databases
from tests.browsing import IN_A_BROWSER, LOOKS_ALONE, browser, looked_over, visit  # noqa: F401 (fixtures)

pytestmark = IN_A_BROWSER
FUSE, UNMEASURED = "/cases/fuse-writeback/", "/cases/kvm-sev-region/"


@pytest.fixture
def site(transactional_db: None) -> Iterator[None]:
    """Every case and strategy, and every recorded report, read: a page of what was measured."""
    with databases.copy_of(databases.loaded) as name, databases.in_use(name):
        yield


@pytest.mark.parametrize(("width", "height", "most"), [(1280, 900, 4_500), (390, 844, 9_500)])
def test_what_to_do_is_on_the_first_screen_and_the_page_is_short(
    site: None,
    visit: Callable[..., Page],  # noqa: F811
    width: int,
    height: int,
    most: int,
) -> None:
    page = visit(FUSE, viewport={"width": width, "height": height})
    box = page.locator("#what-to-do-now h2").bounding_box()
    assert box and box["y"] <= 600
    assert page.evaluate("document.documentElement.scrollHeight") <= most
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    # The first stop after the head of the site is in the contents.
    page.locator(".who a").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('.contents')")
    page.goto(UNMEASURED)
    box = page.locator("#what-to-do-now h2").bounding_box()
    assert box and box["y"] <= 600


@pytest.mark.parametrize("width", [1280, 390])
def test_case_and_strategy_are_accessible_folded_and_open(
    site: None,
    visit: Callable[..., Page],  # noqa: F811
    width: int,
) -> None:
    page = visit(viewport={"width": width, "height": 900}, color_scheme="light")
    for path in (FUSE, UNMEASURED, "/strategies/fuse-request-timeout/"):
        page.goto(path)
        looked_over(page, width)
        page.emulate_media(color_scheme="dark")
        looked_over(page, width, LOOKS_ALONE)
        page.evaluate("document.querySelectorAll('main details').forEach(fold => fold.open = true)")
        looked_over(page, width, LOOKS_ALONE)
        page.emulate_media(color_scheme="light")
        looked_over(page, width)


def test_the_contents_say_where_one_is_and_open_what_they_lead_to(
    site: None,
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    page = visit(FUSE, viewport={"width": 1280, "height": 900})
    page.locator('.contents a[href="#how-to-tell"]').click()
    page.locator('.contents a[aria-current][href="#how-to-tell"]').wait_for()
    assert page.locator(".contents a[aria-current]").count() == 1
    page.locator('.contents a[href="#sources"]').click()
    page.locator("#sources li").first.wait_for()


def test_a_command_is_copied_without_its_prompt_and_says_what_it_does(
    site: None,
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    page = visit(viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"])
    page.goto(FUSE)
    copy = page.locator("#what-to-do-now .takes-copy").first
    assert copy.get_by_role("button").get_attribute("aria-label") == "Copy the command (reads only)"
    copy.locator("pre code").evaluate("code => { code.textContent = '$ one\\n# two\\n$ three\\n' }")
    copy.get_by_role("button").click()
    copy.get_by_role("button", name="Copy the command").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "one\n# two\nthree"


def test_without_scripts_nothing_is_missing_but_the_buttons(
    site: None,
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    page = visit(FUSE, viewport={"width": 390, "height": 844}, java_script_enabled=False)
    assert page.locator(".copy").count() == 0 and page.locator(".contents [aria-current]").count() == 0
    assert page.locator("#what-to-do-now pre").first.is_visible()
    page.locator("#what-to-do-now summary").nth(1).click()
    assert page.locator("#what-to-do-now details").nth(1).locator("pre").first.is_visible()


def test_what_is_folded_is_open_on_paper(site: None, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit(FUSE, viewport={"width": 700, "height": 1000}, java_script_enabled=False)
    folded = page.locator("#sources li").first
    assert not folded.is_visible()
    page.emulate_media(media="print")
    assert folded.bounding_box() and page.locator("#claims blockquote").first.bounding_box()
    assert not page.locator(".contents").is_visible()


def test_forced_colours_lose_no_mark(site: None, visit: Callable[..., Page]) -> None:  # noqa: F811
    page = visit(FUSE, viewport={"width": 1280, "height": 900}, forced_colors="active")
    fills = {
        verdict: page.locator(f"circle.{verdict}").first.evaluate("e => getComputedStyle(e).fill")
        for verdict in ("held", "moves")
    }
    assert fills["held"] != fills["moves"], fills
    strokes = {
        state: page.locator(f"line.{state}").first.evaluate("e => getComputedStyle(e).strokeWidth")
        for state in ("present", "absent", "partly", "unknown")
    }
    assert len(set(strokes.values())) == 4, strokes
