"""What every page promises, whatever it shows."""

from __future__ import annotations

import re

import pytest
from django.test import Client

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
        "/session/",
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
