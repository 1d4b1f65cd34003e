"""The drawing of builds × cases: its marks are the data, and no lab makes it larger."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone

from catalog.models import Case, Document, Tally
from reports.pages.drawings import grid
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db


def drawn() -> str:
    return Client().get("/reports/").content.decode()


def marks(page: str) -> Counter[str]:
    return Counter(re.findall(r'<circle class="(\w+)"', page))


def test_the_marks_are_the_data() -> None:
    one, other = builders.case(), builders.case("other")
    tally(one, "6.12.95", "moves", runs=2)
    tally(one, "7.3.4", "hangs", runs=3)
    tally(other, "7.3.4", "hangs")
    tally(other, "7.3.4", "moves", mover="offline")
    tally(other, "6.12.95", "skipped")
    page, data = drawn(), Client().get("/reports/grid.json").json()
    assert data["builds"] == ["6.12.95", "7.3.4"]
    assert [(row["case"], row["build"], row["held"], row["runs"]) for row in data["results"]] == [
        ("fuse-writeback", "6.12.95", 0, 2),
        ("fuse-writeback", "7.3.4", 3, 3),
        ("other", "7.3.4", 1, 2),
    ]
    assert marks(page) == {"goes": 1, "stays": 1, "both": 1}
    table = page[page.index("The same as a table") :]
    for said in ("○ 0 of 2", "● 3 of 3", "◐ 1 of 2"):
        assert f"<td>{said}</td>" in table
    assert "2 cases on the 2 builds measured last: in 2 of 3 fields some run held the folio" in page


def test_it_is_bounded_whatever_labs_send_and_shows_what_was_measured_last() -> None:
    cases = [builders.case(f"case-{number:02}") for number in range(grid.CASES + 2)]
    for number in range(30):
        tally(cases[0], f"6.{number}.{'9' * 40}", label="x" * 80)
    for case in cases:
        tally(case, "7.9.1")
    Tally.objects.filter(build__release="7.9.1").update(last_seen_at=timezone.now() + timedelta(days=1))
    shown = grid.grid(AnonymousUser())
    assert (len(shown.rows), len(shown.cases), shown.nr_left_out) == (grid.BUILDS, grid.CASES, 2)
    assert shown.cases[0][0] == "case-00", "what was tried on most of them is not left out"
    assert "7.9.1" in [row.build for row in shown.rows]
    assert shown.width < 1280 and shown.height < 600


def test_what_is_hidden_is_not_in_it_and_without_runs_there_is_none(django_assert_num_queries: Any) -> None:
    assert "<figure" not in drawn()
    tally(builders.case("hidden"), "7.3.4")
    Document.objects.filter(slug="hidden").update(state="draft")
    assert "<figure" not in drawn() and Client().get("/reports/grid.json").json() == {"builds": [], "results": []}
    tally(builders.case(), "7.3.4")
    with django_assert_num_queries(2):
        assert [case for case, _ in grid.grid(AnonymousUser()).cases] == ["fuse-writeback"]
    assert "<figure" not in Client().get("/reports/?state=settled").content.decode(), "who picks reports wants the list"
    assert Case.objects.count() == 2


def test_builds_that_differ_in_their_label_alone_are_told_apart() -> None:
    case = builders.case()
    for label in ("base of longterm-pin-migrates-first", "base of user-mode-faults-only", ""):
        tally(case, "7.3.4+deb13-amd64", label=label)
    drawing = drawn().split("<svg viewBox", 1)[1].split("</svg>")[0]
    names = re.findall(r'<text class="name"[^>]*>([^<]+)<', drawing)
    assert len(names) == len(set(names)) == 3
