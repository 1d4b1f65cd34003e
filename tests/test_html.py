"""What is wrong with a page is found; pages are compressed; errors say what to do next. See test_every_page.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client, RequestFactory

from config import urls
from config.pages import errors
from people.models import Role
from tests import builders, crawl
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize(("path", "tag"), [("/", r'W/"[^"]+"'), ("/api/v1/cases/", r'"[^"]+-gzip"')])
def test_what_everybody_reads_is_compressed_and_the_api_keeps_strong_etags(path: str, tag: str) -> None:
    for n in range(5):
        builders.case(f"case-{n}")
    answer = Client().get(path, headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip" and re.fullmatch(tag, answer["ETag"])
    plain = Client().get(path)
    assert "Content-Encoding" not in plain and plain["ETag"] != answer["ETag"]
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
    assert forged.status_code == 403 and "reload the page, and send the form again" in on_one_line(forged)
    assert "if you have an account" not in forged.content.decode()
    unsent = client.get("/discussion/1/lock/")
    assert (unsent.status_code, unsent["Allow"]) == (405, "POST") and "what a form sends" in unsent.content.decode()
    assert "Wait a little" in urls.handler429(RequestFactory().get("/account/email/")).content.decode()
    with django_assert_num_queries(0):
        broken = errors.broken(RequestFactory().get("/"))
    assert broken.status_code == 500 and "Reports that you have a receipt for are safe" in broken.content.decode()
