"""In a real browser: two people and a stranger, at both widths, with and without JavaScript."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from people.models import User
from tests import builders

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None and not os.environ.get("CI"), reason="Debian's chromium is not installed"),
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

    def page(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        made = context.new_page()
        made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
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


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_two_people_propose_and_discuss_and_a_stranger_reads_it(visit: Callable[..., Page], scripts: bool) -> None:
    builders.case("fuse-writeback")
    builders.case("readahead-locked")
    ann, ben = builders.person("ann"), builders.person("ben")

    first = visit(java_script_enabled=scripts)
    sign_in(first, ann)
    first.goto("/cases/fuse-writeback/")
    first.get_by_role("link", name="Propose a strategy").click()
    first.get_by_label("Title").fill("Abort after a minute")
    first.get_by_label("Summary").fill("The kernel ends the connection of a server that is silent for a minute.")
    first.get_by_label("Why").nth(0).fill("The wait has an end.")
    first.get_by_label("Case 2").select_option("readahead-locked")
    first.get_by_label("Why").nth(1).fill("So has this one.")
    first.get_by_role("button", name="Propose it").click()
    first.get_by_role("heading", name="Abort after a minute").wait_for()
    first.get_by_label("Say something").fill("Who restarts the *server*? <script>alert(1)</script>")
    first.get_by_role("button", name="Comment").click()
    first.get_by_text("Who restarts the").wait_for()

    second = visit(java_script_enabled=scripts)
    sign_in(second, ben)
    second.goto("/cases/readahead-locked/")
    second.locator("summary", has_text="Reply").click()
    second.get_by_label("Reply to ann").fill("Its own supervisor:\n\n    systemctl restart it")
    second.get_by_role("button", name="Reply").click()
    second.get_by_text("systemctl restart it").wait_for()

    stranger = visit(java_script_enabled=scripts)
    for path in ("/cases/fuse-writeback/", "/cases/readahead-locked/", "/strategies/abort-after-a-minute/"):
        stranger.goto(path)
        assert stranger.locator("em", has_text="server").count() == 1
        assert "<script>alert(1)</script>" in stranger.locator(".comment").first.inner_text()
        reply = stranger.locator(".comment .comment")
        assert "ben" in reply.inner_text() and reply.locator("pre").count() == 1
        assert stranger.get_by_role("button", name="Comment").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pages_fit_and_are_accessible(visit: Callable[..., Page], width: int, scheme: str) -> None:
    builders.case(effects=[{"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}])
    builders.strategy()
    report = builders.settled(builders.run(), builders.moving_run(), builders.run("unheard-of"))
    page = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    for path in ("/", "/cases/fuse-writeback/", "/kernels/", "/kernels/6.18.44/", "/affected/", "/compare/?a=6.18.44&b=6.18.44", "/affected/?kernel=6.18.44", "/method/", "/session/", "/cases/proposed/", "/strategies/", "/strategies/a-strategy/", "/reports/", report.get_absolute_url(), "/sign-in/", "/api/"):  # fmt: skip  # noqa: E501
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{path} is wider than {width}"
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
