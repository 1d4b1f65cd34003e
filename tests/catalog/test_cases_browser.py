"""The list of cases in a real browser: how much of it one sees, how soon one is there, and what its marks mean."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import builders
from tests.browsing import IN_A_BROWSER, looked_over
from tests.catalog.test_measured import tally

pytestmark = IN_A_BROWSER

STANDINGS = ("measured", "reported", "reasoned")


@pytest.fixture
def cases() -> None:
    for number in range(24):
        effects = [
            {"effect": effect, "manner": "sleeps_in_d", "standing": STANDINGS[number % 3]}
            for effect in ("hotunplug", "cma_allocation", "compaction", "numa_move")
        ]
        case = builders.case(
            f"a-case-with-a-name-{number}",
            title="Folios that something holds for as long as it likes, told in a long title",
            effects=effects,
            controllers=["unprivileged_user", "remote_server", "kernel"],
        )
        if number % 2:
            tally(case, "6.12.95")
            tally(case, "7.3.4", "moves")


def test_the_first_screen_shows_eighteen_cases_and_the_keyboard_is_soon_there(
    visit: Callable[..., Page], cases: None
) -> None:
    page = visit("/", viewport={"width": 1280, "height": 800})
    feet = page.locator(".cases tbody tr").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().bottom)")
    assert sum(foot <= 800 for foot in feet) >= 18
    stops = 0
    while not page.evaluate("Boolean(document.activeElement.closest('.cases tbody'))"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= 15, "fourteen stops, and then the first case"


def test_the_head_and_its_legend_stay_in_sight(visit: Callable[..., Page], cases: None) -> None:
    page = visit("/", viewport={"width": 1280, "height": 500})
    page.evaluate("scrollTo(0, 400)")
    box = page.locator(".cases .legend").bounding_box()
    assert box and 0 <= box["y"] <= 60


def test_it_is_sorted_and_filtered_without_scripts(visit: Callable[..., Page], cases: None) -> None:
    builders.case("fixed-one", title="Already ended", status="fixed")
    page = visit("/", viewport={"width": 1280, "height": 800}, java_script_enabled=False)
    page.locator(".cases thead").get_by_role("link", name="Case").click()
    assert page.locator(".cases tbody th").first.inner_text().startswith("Already ended")
    page.get_by_role("navigation", name="Filter and sort").get_by_role("link", name="fixed").click()
    assert page.locator(".cases tbody tr").count() == 1 and "sort=name" in page.url
    page.get_by_role("link", name="remove this filter").click()
    assert page.locator(".cases tbody tr").count() == 25 and "sort=name" in page.url


def test_without_colours_the_marks_still_differ(visit: Callable[..., Page], cases: None) -> None:
    page = visit("/", viewport={"width": 1280, "height": 800}, forced_colors="active")
    looks = {}
    for standing in STANDINGS:
        mark = page.locator(f".cases tbody .fx.{standing}").first
        looks[standing] = mark.evaluate(
            "e => { const s = getComputedStyle(e); return s.backgroundColor + ' ' + s.borderTopColor }"
        )
    assert len(set(looks.values())) == 3, looks
    ways = page.get_by_role("navigation", name="Main").locator("a")
    edges = ways.evaluate_all("all => all.map(one => getComputedStyle(one).borderBottomColor)")
    assert len(set(edges)) == 2, "one is on, and the others are not"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_and_is_accessible(visit: Callable[..., Page], cases: None, width: int, scheme: str) -> None:
    page = visit("/", viewport={"width": width, "height": 844}, color_scheme=scheme)
    looked_over(page, width)
