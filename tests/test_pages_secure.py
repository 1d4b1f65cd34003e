"""What every page promises, whatever it shows."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from catalog.models import Document
from people.models import Role
from tests import builders

pytestmark = pytest.mark.django_db

PAGES = [
    *(
        "/",
        "/?q=x",
        "/search/",
        "/search/?q=the",
        "/cases/fuse-writeback/",
        "/kernels/",
        "/kernels/6.18.44/",
        "/kernels/6.18.45/",
        "/method/",
        "/agenda/",
    ),
    *("/cases/proposed/", "/strategies/a-strategy/@1"),
    *("/cases/fuse-writeback/history/", "/cases/fuse-writeback/diff/?a=1&b=1"),
    *("/strategies/", "/strategies/a-strategy/", "/reports/", "/api/", "/problems/", "/sign-in/"),
    *("/compare/", "/compare/?a=6.18.44&b=6.18.44", "/compare/?a=nothing"),
    *("/affected/", "/affected/?kernel=6.18.44", "/affected/?kernel=nonsense"),
    *("/nothing-here/", "/api/v1/nothing/"),
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_allows_nothing_inline_and_nothing_from_elsewhere(path: str) -> None:
    builders.case()
    builders.strategy()
    builders.settled()
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert answer["X-Frame-Options"] == "DENY" and answer["X-Content-Type-Options"] == "nosniff"
    page = answer.content.decode()
    assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", page)
    assert not re.search(r"(?:src|href)=\"(?:http:)?//", page)


def test_an_unsafe_request_without_its_csrf_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(builders.person())
    case = builders.case()
    assert client.post(f"/discussion/{case.pk}/", {"text": "x"}).status_code == 403
    assert client.post("/sign-out/").status_code == 403


def test_whoever_looks_for_an_icon_without_a_page_finds_it() -> None:
    answer = Client().get("/favicon.ico")
    assert answer.status_code == 302 and answer["Location"] == "/static/icon.svg"


def test_what_is_made_for_somebody_is_stored_nowhere_on_the_way() -> None:
    """Pages, drafts, raw bytes, own data, receipts: whatever a session or a token asked for."""
    builders.case()
    builders.case("a-draft")
    Document.objects.filter(slug="a-draft").update(state="draft")
    report = builders.settled()
    boss, client = builders.person("boss", Role.MAINTAINER), Client()
    client.force_login(boss)
    own = (
        f"/reports/{report.pk}/raw",
        "/account/data.json",
        "/account/",
        "/cases/a-draft/",
        "/export/documents.ndjson",
    )
    for path in (*PAGES, *own):
        answer = client.get(path)
        assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", ")), path
        assert "Cookie" in answer["Vary"], path
    bearer = {"headers": {"Authorization": f"Bearer {builders.token('reader', owner=boss, scopes=('submit', 'read'))}"}}
    for path in ("/api/v1/cases/", "/api/v1/cases/a-draft/", f"/api/v1/reports/{report.pk}/", "/api/v1/nothing/"):
        assert Client().get(path, **bearer)["Cache-Control"] == "private, no-store", path
    sent = Client().post("/api/v1/reports/", builders.body(), "application/json", **bearer)
    assert (sent.status_code, sent["Cache-Control"]) == (202, "private, no-store")
    entered = Client().post("/sign-in/", {"login": "boss", "password": "a long password"})
    assert entered.status_code == 302 and "no-store" in entered["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/api/v1/cases/", "/cases/fuse-writeback/", "/probe.pyz"])
def test_what_a_stranger_is_given_may_be_kept_and_says_by_what_it_differs(path: str) -> None:
    builders.case()
    answer = Client().get(path)
    assert "no-store" not in answer.get("Cache-Control", "") and "Cookie" in answer["Vary"]
    assert ("Authorization" in answer["Vary"]) == path.startswith("/api/v1/")


def test_crawlers_are_told_what_is_not_for_them() -> None:
    text = Client().get("/robots.txt").content.decode()
    assert text.startswith("User-agent: *\n") and "Disallow: /*?\n" in text and "Disallow: /cases/" not in text
