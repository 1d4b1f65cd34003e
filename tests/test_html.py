"""Every page of the real catalog, as strangers and editors see it: valid HTML, whole links, a small first view."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client, RequestFactory

from catalog.models import Case, Strategy
from catalog.revisions import files
from config import urls
from config.pages import errors
from discussion.comments import threads
from people.models import Role
from tests import builders, crawl

pytestmark = [pytest.mark.django_db, pytest.mark.whole]

FIRST_VIEW_BYTES = 100_000
STARTS = (
    *("/", "/styleguide/", "/nothing-here/", "/affected/?kernel=nonsense", "/affected/?kernel=6.12.57", "/?q=zzzz"),
    "/kernels/6.12.58/",  # not measured
    "/compare/?a=6.18.44-fc-v657&b=6.18.44-fc-v669",  # neither was tried with what the other was
)


@pytest.fixture
def site() -> None:
    assert all(loaded.result == "new" for loaded in files.load(files.all_files()))
    call_command("load_recorded", verbosity=0)
    builders.settled(builders.run("unheard-of"))
    person = builders.person("jane")
    for of in (Case.objects.get(slug="fuse-writeback"), Strategy.objects.get(slug="fuse-request-timeout")):
        said = threads.say(of.document, person, "A *word*.\n\n    > code\n\n<script>alert(1)</script>")
        threads.say(of.document, person, "> quoted\n\nAn answer.", said)


@pytest.mark.parametrize("who", ["a stranger", "an editor"])
def test_every_page_is_valid_html_leads_somewhere_and_is_small(site: None, who: str) -> None:
    client = Client()
    if who == "an editor":
        client.force_login(builders.person("ed", role=Role.EDITOR))
    seen = crawl.pages(client, *STARTS)
    assert len(seen) > 100, "the crawl lost its way"
    assert [path for path, answer in seen.items() if answer.status_code >= 500] == []
    lost = {path for path, answer in seen.items() if answer.status_code == 404}
    assert lost == {"/nothing-here/", "/kernels/6.12.58/"}, "links that lead nowhere"
    wrong = [f"{path}: {fault}" for path, answer in seen.items() for fault in crawl.faults(answer.content.decode())]
    assert not wrong, "\n".join(wrong)
    sizes = {
        path: len(gzip.compress(answer.content)) + _linked(answer.content.decode()) for path, answer in seen.items()
    }
    assert max(sizes.values()) < FIRST_VIEW_BYTES, sorted((size, path) for path, size in sizes.items())[-3:]


def _linked(page: str) -> int:
    """The compressed bytes of the styles, scripts and pictures that a page asks for."""
    return sum(map(_compressed, set(re.findall(r'<(?:link|script|img)\b[^>]*?(?:href|src)="/static/([^"]+)"', page))))


@cache
def _compressed(name: str) -> int:
    path = finders.find(name)
    assert path, f"{name} is linked and not there"
    return len(gzip.compress(Path(path).read_bytes()))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p><ul><li>x</ul></p>", "Unexpected end tag (p)"),
        ("<p id=a></p><p id=a></p>", "the id 'a' stands there 2 times"),
        ("<p class=a class=b>", "duplicate attribute"),
        ("<a href='#b'>x</a>", "a link to #b"),
        ("<ul><p>x</p></ul>", "<p> in <ul>"),
        ("<a href='/'><button>x</button></a>", "<button> within <a>"),
        ("<label for=b>x</label>", "for names 'b'"),
        ("<table><tr><p>x</table>", "table context"),
        ("<select required><option>x</option></select>", "a required <select>"),
        ("<h1>again</h1>", "2 headings"),
    ],
)
def test_a_fault_is_found(body: str, fault: str) -> None:
    whole = "<!doctype html><html lang=en><head><title>x</title></head><body><h1>x</h1>{}</body></html>"
    assert list(crawl.faults(whole.format(""))) == []
    found = list(crawl.faults(whole.format(body)))
    assert any(fault.lower() in one.lower() for one in found), found


@pytest.mark.parametrize(("path", "encoding"), [("/", "gzip"), ("/api/v1/cases/", None)])
def test_pages_are_compressed_and_the_api_keeps_strong_etags(path: str, encoding: str | None) -> None:
    for n in range(5):
        builders.case(f"case-{n}")
    answer = Client().get(path, headers={"accept-encoding": "gzip"})
    assert answer.get("Content-Encoding") == encoding
    assert answer["ETag"].startswith('"') == (encoding is None)
    again = Client().get(path, headers={"accept-encoding": "gzip", "if-none-match": answer["ETag"]})
    assert again.status_code == 304


def test_errors_say_what_to_do_next(django_assert_num_queries: Any) -> None:
    lost = Client().get("/nothing-here/")
    assert lost.status_code == 404 and "begin with" in lost.content.decode()
    client = Client()
    client.force_login(builders.person(role=Role.READER))
    barred = client.get("/strategies/new/")
    assert barred.status_code == 403 and "A maintainer can change roles" in barred.content.decode()
    forged = Client(enforce_csrf_checks=True).post("/sign-in/", {})
    assert forged.status_code == 403 and "not sent from a fresh page" in forged.content.decode()
    assert "if you have an account" not in forged.content.decode()
    unsent = client.get("/discussion/1/lock/")
    assert (unsent.status_code, unsent["Allow"]) == (405, "POST") and "what a form sends" in unsent.content.decode()
    assert "Wait a little" in urls.handler429(RequestFactory().get("/account/email/")).content.decode()
    with django_assert_num_queries(0):
        broken = errors.broken(RequestFactory().get("/"))
    assert broken.status_code == 500 and "Reports that you have a receipt for are safe" in broken.content.decode()
