"""Every page of the whole site: valid HTML, whole links, a small first view. One of each kind in a browser as well.

Which pages a browser looks at is worked out anew in each run: the fewest that together have every template and every
kind of element (tests/shapes.py). A page that brings a new kind is looked at without anybody writing it down.
"""

from __future__ import annotations

import fcntl
import gzip
import mimetypes
import os
import pickle
import re
import threading
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import override_settings
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from reports.intake.bell import Bell
from tests import crawl, shapes, whole_site
from tests.browsing import NEEDS_CHROMIUM, VIOLATIONS, browser  # noqa: F401 (a fixture)
from tests.whole_site import Page

pytestmark = pytest.mark.whole

FIRST_VIEW_BYTES = 100_000
# One test of all kinds of page would hold one worker for minutes, with the other idle.
PARTS = 6
NOT_THERE = {"/nothing-here/", "/kernels/6.12.58/", "/unsubscribe/none/"}
TEMPLATES = settings.BASE_DIR / "templates"
# No page has these: what they would be shown for cannot happen here.
WITHOUT_A_PAGE = {
    "account/password_set.html",  # who came in from another site has no password, and there is no other site
    "account/signup_closed.html",
    "account/verified_email_required.html",
    "socialaccount/login.html",
    "socialaccount/signup.html",
}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 800}
# Whatever it looks like, a page has the same structure: the whole of axe is asked once, then what depends on the look;
# where the narrow look shows what the wide one hides, the whole again.
SEEN = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")
LOOKS: tuple[tuple[dict[str, int], dict[str, str], dict[str, Any]], ...] = (
    (WIDE, {"color_scheme": "light", "forced_colors": "none"}, VIOLATIONS),
    (NARROW, {"color_scheme": "dark", "forced_colors": "none"}, VIOLATIONS | {"runOnly": SEEN}),
    (WIDE, {"color_scheme": "light", "forced_colors": "active"}, VIOLATIONS | {"runOnly": SEEN[:2]}),
)
AXE = Axe()


@pytest.fixture(scope="module")
def pages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    """Made by the worker that asks first, in 50 s; the others wait for it, which costs no processor."""
    folder = tmp_path_factory.getbasetemp()
    kept = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "every_page"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            begun = kept.with_suffix(".begun")
            begun.write_bytes(pickle.dumps(request.getfixturevalue("pages_of_the_whole_site")))
            begun.rename(kept)
    return pickle.loads(kept.read_bytes())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def pages_of_the_whole_site(whole_catalog: None, django_db_blocker: Any) -> list[Page]:
    cheap = {"LIMITS": {}, "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"]}
    with django_db_blocker.unblock(), override_settings(**cheap), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bell, "ring", lambda self: None)
        patch.setattr(Bell, "ring_now", lambda self: None)
        return list(whole_site.Site().pages())


@pytest.fixture(scope="module")
def one_of_each(pages: list[Page]) -> list[Page]:
    chosen = shapes.fewest({n: shapes.kinds(page.html) | page.templates for n, page in enumerate(pages)})
    return [pages[n] for n in chosen]


def test_every_page_is_valid_html_leads_somewhere_and_is_small(pages: list[Page]) -> None:
    for who in ("a stranger", "a maintainer"):
        assert sum(page.who == who for page in pages) > 300, "the crawl lost its way"
    cases = {page.path for page in pages if page.who == "a stranger" and page.path.startswith("/cases/")}
    assert len(cases) >= 90, "pages of cases were left out"
    assert [page.name for page in pages if page.status >= 500] == ["out of order as a stranger sees it"]
    assert {page.path for page in pages if page.status == 404} == NOT_THERE, "links that lead nowhere"
    wrong = [f"{page.name}: {fault}" for page in pages for fault in crawl.faults(page.html)]
    assert not wrong, "\n".join(wrong)
    sizes = {page.name: len(gzip.compress(page.html.encode())) + _linked(page.html) for page in pages}
    assert max(sizes.values()) < FIRST_VIEW_BYTES, sorted((size, name) for name, size in sizes.items())[-3:]


def _linked(page: str) -> int:
    """The compressed bytes of the styles, scripts and pictures that a page asks for."""
    return sum(map(_compressed, set(re.findall(r'<(?:link|script|img)\b[^>]*?(?:href|src)="/static/([^"]+)"', page))))


@cache
def _compressed(name: str) -> int:
    return len(gzip.compress(_static(name)))


def _static(name: str) -> bytes:
    path = finders.find(name)
    assert path, f"{name} is linked and not there"
    return Path(path).read_bytes()


def test_every_template_is_on_a_page_that_a_browser_looks_at(one_of_each: list[Page]) -> None:
    looked_at = set().union(*(page.templates for page in one_of_each))
    there = {str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")}
    assert there - looked_at == WITHOUT_A_PAGE, "make a page of it in tests/whole_site.py"


class Kept(BaseHTTPRequestHandler):
    """Serves pages that were made already: `/page/3/` is the third."""

    pages: list[Page]

    def do_GET(self) -> None:
        kind, _, name = self.path.lstrip("/").partition("/")
        if kind == "page":
            page = self.pages[int(name.rstrip("/"))]
            self._answer(page.html.encode(), "text/html; charset=utf-8", "Content-Security-Policy", page.policy)
        elif kind == "static":
            told = mimetypes.guess_type(name)[0] or "application/octet-stream"
            self._answer(_static(name), told, "Cache-Control", "max-age=600")
        else:
            self.send_error(404)

    def _answer(self, body: bytes, content_type: str, name: str, value: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if value:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def served(pages: list[Page]) -> Iterator[str]:
    handler = type("Served", (Kept,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Reader:
    """Two tabs of a browser, one without JavaScript, and what was wrong with what they were shown."""

    def __init__(self, browser: Browser, served: str) -> None:  # noqa: F811
        self.served = served
        self.wrong: list[str] = []
        self.plain = browser.new_context(java_script_enabled=False).new_page()
        self.tab = browser.new_context(color_scheme="light").new_page()
        self.tab.on("console", lambda message: self.wrong.append(message.text) if message.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("request", lambda r: None if r.url.startswith(served) else self.wrong.append(f"asks for {r.url}"))

    def faults(self, number: int) -> list[str]:
        address = f"{self.served}/page/{number}/"
        self.plain.goto(address)
        found = [*faults(self.tab, address, self.plain.inner_text("main")), *self.wrong]
        self.wrong.clear()
        return found


@NEEDS_CHROMIUM
@pytest.mark.parametrize("part", range(PARTS))
def test_one_page_of_each_kind_is_accessible_and_whole(
    part: int,
    pages: list[Page],
    one_of_each: list[Page],
    served: str,
    browser: Browser,  # noqa: F811
) -> None:
    assert 40 < len(one_of_each) < 150
    reader = Reader(browser, served)
    wrong = [f"{page.name}: {fault}" for page in one_of_each[part::PARTS] for fault in reader.faults(pages.index(page))]
    assert not wrong, "\n".join(wrong)


@NEEDS_CHROMIUM
def test_every_page_of_a_case_or_strategy_fits_a_narrow_screen(
    pages: list[Page],
    served: str,
    browser: Browser,  # noqa: F811
) -> None:
    """How wide a page is depends on its words: on the longest name in a table."""
    tab = browser.new_context(viewport=NARROW, java_script_enabled=True).new_page()  # type: ignore[arg-type]
    looked_at = [n for n, page in enumerate(pages) if _depends_on_words(page)]
    assert len(looked_at) > 120
    wrong = []
    for number in looked_at:
        tab.goto(f"{served}/page/{number}/", wait_until="domcontentloaded")
        wrong += [pages[number].name] * _is_too_wide(tab)
    assert not wrong, "\n".join(wrong)


def _depends_on_words(page: Page) -> bool:
    is_text = page.who == "a stranger" and re.match(r"/(cases|strategies|subsystems)/", page.path)
    return bool(is_text) or page.path in whole_site.STARTS


# What a page says but for the buttons that copy a command: without a script there is nothing that could copy.
_SAID = """() => {
  const buttons = [...document.querySelectorAll("main .copy")].map((one) => [one, one.parentNode]);
  buttons.forEach(([one]) => one.remove());
  const said = document.querySelector("main").innerText;
  buttons.forEach(([one, around]) => around.append(one));
  return said;
}"""


def faults(tab: Tab, address: str, said: str) -> Iterator[str]:
    """What is wrong with a page: `said` is what it says without JavaScript."""
    _show(tab, 0)
    tab.goto(address)
    if tab.evaluate(_SAID).split() != said.split():
        yield "says something else without JavaScript"
    tab.evaluate(AXE.axe_script)
    found = []
    for number, (size, _, options) in enumerate(LOOKS):
        _show(tab, number)
        if _is_too_wide(tab):
            yield f"is wider than {size['width']} pixels"
        tab.evaluate(_SAY_WHAT_IS_DRAWN)
        asked = VIOLATIONS if number and tab.evaluate(_SHOWS_MORE) else options
        found.append(AxeResults(tab.evaluate("options => axe.run(document, options)", asked)))
        if not number:
            tab.evaluate(_NOTE_WHAT_IS_SEEN)
    yield from {one.generate_report(): None for one in found if one.violations_count}  # the same in two looks: once


# In forced colours Chromium draws words in the system's colour, and says the author's of -webkit-text-fill-color, which
# axe takes for the colour of the words: each button had no contrast.
_SAY_WHAT_IS_DRAWN = """() => {
  const all = [...document.querySelectorAll("body *")];
  const drawn = all.map((one) => getComputedStyle(one).color);
  const forced = matchMedia("(forced-colors: active)").matches;
  all.forEach((one, number) => one.style.webkitTextFillColor = forced ? drawn[number] : "");
}"""


def _show(tab: Tab, number: int) -> None:
    size, media, _ = LOOKS[number]
    tab.set_viewport_size(size)  # type: ignore[arg-type]
    tab.emulate_media(**media)  # type: ignore[arg-type]


_NOTE_WHAT_IS_SEEN = """() => {
  window.seen = new Set([...document.querySelectorAll("*")].filter((one) => one.checkVisibility()));
}"""
_SHOWS_MORE = """() =>
  [...document.querySelectorAll("*")].some((one) => one.checkVisibility() && !window.seen.has(one))"""


def _is_too_wide(tab: Tab) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth > innerWidth"))


@NEEDS_CHROMIUM
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('<img src="/static/icon.svg">', "image-alt"),
        ('<img class="only-in-the-narrow" src="/static/icon.svg">', "image-alt"),
        ('<p class="only-in-the-dark">Some words.</p>', "color-contrast"),
        ('<p class="only-in-forced-colours">Some words.</p>', "color-contrast"),
        ('<p class="wide">x</p>', "is wider than 360"),
        ("<p>more</p>", "without JavaScript"),
    ],
)
def test_a_fault_is_found(browser: Browser, broken: str, said: str) -> None:  # noqa: F811
    """The same look at pages that were broken on purpose."""
    looks = """<style>@media (prefers-color-scheme: dark) { .only-in-the-dark { color: #777; background: #888 } }
        @media (min-width: 400px) { .only-in-the-narrow { display: none } }
        @media (forced-colors: active) {
            .only-in-forced-colours { forced-color-adjust: none; color: #777; background: #888 } }
        .wide { width: 700px }</style>"""
    tab = browser.new_page()
    whole = "<!doctype html><html lang=en><title>x</title>%s<main><h1>x</h1>%s</main></html>"
    tab.route("**/sound", lambda route: route.fulfill(body=whole % (looks, ""), content_type="text/html"))
    tab.route("**/broken", lambda route: route.fulfill(body=whole % (looks, broken), content_type="text/html"))
    assert list(faults(tab, "http://127.0.0.1/sound", "x")) == []
    tab.goto("http://127.0.0.1/broken")
    shown = "x" if said == "without JavaScript" else tab.inner_text("main")
    found = list(faults(tab, "http://127.0.0.1/broken", shown))
    assert len(found) == 1 and said in found[0]
