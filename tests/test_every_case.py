"""Every page of every case, in a real browser: light and dark, with and without JavaScript, accessible, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Page

from catalog.models import Case
from catalog.revisions import files
from tests.browsing import IN_A_BROWSER, browser, visit  # noqa: F401 (fixtures)
from tests.crawl import links

pytestmark = IN_A_BROWSER

VIOLATIONS = {"resultTypes": ["violations"]}
# What a theme can change. The rest of what axe knows is looked at once, in the light.
COLOURS = {**VIOLATIONS, "runOnly": ["color-contrast", "link-in-text-block"]}
PARTS = 4
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 800}


@pytest.fixture
def of_cases() -> list[str]:
    """The address of every case, and of what lies below it: of history and the like, where its page leads there."""
    assert all(loaded.result == "new" for loaded in files.load(files.all_files()))
    call_command("load_recorded", verbosity=0)
    found = []
    for slug in Case.objects.order_by("slug").values_list("slug", flat=True):
        path = f"/cases/{slug}/"
        page = Client().get(path, headers={"accept": "text/html"}).content.decode()
        below = {
            link
            for link in links(path, page)
            if link.startswith(path) and link != path and not link.endswith("/now") and "?" not in link
        }
        found += [path, *sorted(below)]
    assert len(found) >= 90
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_of_every_case_is_accessible_and_whole(
    visit: Callable[..., Page],  # noqa: F811
    of_cases: list[str],
    part: int,
) -> None:
    """In parts, since it takes minutes, and parts can be run beside each other."""
    plain, page = visit(java_script_enabled=False), visit(viewport=WIDE, color_scheme="light")
    wrong = []
    for number, path in enumerate(of_cases[part::PARTS]):
        dark = number < 10 or "@" not in path  # an earlier text is shown with the colours of today's
        answer = plain.goto(path)
        assert answer and answer.status == 200
        if answer.headers["content-type"].startswith("text/html"):
            wrong += [f"{path}: {fault}" for fault in faults(page, path, plain.inner_text("main"), dark)]
    assert not wrong, "\n".join(wrong)


def faults(page: Page, path: str, said: str, dark: bool = True) -> Iterator[str]:
    """What is wrong with a page: `said` is what it says without JavaScript."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(path)
    if page.inner_text("main") != said:
        yield "says something else without JavaScript"
    found = [Axe().run(page, options=VIOLATIONS)]
    page.emulate_media(color_scheme="dark")
    if dark:
        found.append(Axe().run(page, options=COLOURS))
    yield from (one.generate_report() for one in found if one.violations_count)
    page.set_viewport_size(NARROW)
    if page.evaluate("document.documentElement.scrollWidth - innerWidth") > 0:
        yield "is wider than a narrow screen"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('<img src="/static/icon.svg">', "image-alt"),
        ('<p class="only-in-the-dark">Some words.</p>', "color-contrast"),
        ('<p class="wide">x</p>', "is wider"),
        ("<p>more</p>", "without JavaScript"),
    ],
)
def test_a_fault_is_found(visit: Callable[..., Page], broken: str, said: str) -> None:  # noqa: F811
    """The same look at pages that were broken on purpose."""
    looks = """<style>@media (prefers-color-scheme: dark) { .only-in-the-dark { color: #777; background: #888 } }
        .wide { width: 700px }</style>"""
    page = visit()
    whole = "<!doctype html><html lang=en><title>x</title>%s<main><h1>x</h1>%s</main></html>"
    page.route("**/sound", lambda route: route.fulfill(body=whole % (looks, ""), content_type="text/html"))
    page.route("**/broken", lambda route: route.fulfill(body=whole % (looks, broken), content_type="text/html"))
    assert list(faults(page, "/sound", "x")) == []
    found = list(faults(page, "/broken", "x" if said == "without JavaScript" else _text(page, "/broken")))
    assert len(found) == 1 and said in found[0]


def _text(page: Page, path: str) -> str:
    page.goto(path)
    return page.inner_text("main")
