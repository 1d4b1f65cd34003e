"""A real browser for tests: pages of the live site, which may neither complain nor ask anybody else."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

if TYPE_CHECKING:
    from people.models import User

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
# What a form is answered with, and Chromium logs: errors in it, somebody was faster, or the session is over.
MEANT = re.compile(r"Failed to load resource: .* status of (403|409|422)")

VIOLATIONS = {"resultTypes": ["violations"]}
# Axe's rules that ask how a page looks. The others, and half of its time, ask what is there: the same in every look.
OF_LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable")
LOOKS_ALONE = {**VIOLATIONS, "runOnly": {"type": "rule", "values": list(OF_LOOKS)}}
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"
)
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    NEEDS_CHROMIUM,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        # Playwright keeps an event loop in this thread; Django would refuse to ask its database here.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        running = play.chromium.launch(executable_path=CHROMIUM or "chromium", args=FLAGS)
        yield running
        running.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens pages of the live site; at the end no console error and no foreign request may have been seen."""
    wrong: list[str] = []
    contexts = []

    def complained(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(f"{message.text} ({message.location.get('url')})")

    def page(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        made = context.new_page()
        made.on("console", lambda message: None if MEANT.search(message.text) else complained(message))
        made.on("pageerror", lambda error: wrong.append(str(error)))
        made.on("request", lambda r: None if r.url.startswith(live_server.url) else wrong.append(r.url))
        made.goto(path)
        return made

    yield page
    for context in contexts:
        context.close()
    assert wrong == []


def sign_in(page: Page, person: User) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(person.username)
    page.get_by_label("Password").fill("a long password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Sign out").wait_for()


def looked_over(page: Page, width: int, asks: dict[str, Any] = VIOLATIONS) -> None:
    """The page, once it is there, fits its window, and axe finds nothing of what it is asked."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{page.url} is wider than {width}"
    found = Axe().run(page, options=asks)
    assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
