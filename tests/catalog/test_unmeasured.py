"""A build that was never measured: 404, and what is known all the same."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Document
from tests import builders
from tests.catalog.test_measured import tally
from tests.crawl import faults

pytestmark = pytest.mark.django_db


def page(release: str, query: str = "") -> str:
    answer = Client().get(f"/kernels/{quote(release)}/{query}")
    text = answer.content.decode()
    assert answer.status_code == 404 and list(faults(text)) == []
    return " ".join(text.split())


def near(release: str) -> list[tuple[str, str]]:
    listed = page(release).partition('id="near"')[2].partition("</section>")[0]
    return re.findall(r'<a class="mono" href="[^"]*">([^<]*)</a> <span class="small muted">([^<]*)</span>', listed)


def test_it_says_what_is_known_and_how_to_measure_it() -> None:
    tally(builders.case(), "6.12.57")
    builders.case("nothing")
    text = page("6.12.60+deb13-amd64")
    assert "Nothing was measured on this build" in text and "line 6.12, built by Debian" in text
    assert '<a href="/affected/?kernel=6.12.60%2Bdeb13-amd64#affected"><span class="cell held">● affected: 1<' in text
    assert "· unknown: 1<" in text and "○ not affected: 0<" in text
    assert "sudo python3 probe.pyz run --all --submit http" in text and "Try the search above" not in text


@pytest.mark.parametrize(
    ("release", "found"),
    [
        ("6.12.50", [("6.12.9", "older"), ("6.12.40", "older"), ("6.12.57", "newer"), ("6.12.95", "newer")]),
        ("6.12.2", [("6.12.9", "newer"), ("6.12.40", "newer")]),
        ("6.12.99", [("6.12.57", "older"), ("6.12.95", "older")]),
        ("6.12.57-arch1-1", [("6.12.40", "older"), ("6.12.57", "older"), ("6.12.95", "newer")]),
        ("6.15.1", [("6.12.95", "the newest of line 6.12"), ("6.18.44", "the newest of line 6.18")]),
        ("7.3.1", [("6.18.44", "the newest of line 6.18")]),
        ("5.14.0-427.el9.x86_64", [("5.14.0-570.el9.x86_64", "newer")]),
        ("4.18.0-553.el8.x86_64", [("5.14.0-570.el9.x86_64", "the newest of line el9 5.14")]),
        ("6.12.0-30-generic", [("6.12.95", "the newest of line 6.12")]),
        ("6.8.0-60-generic", []),
    ],
)
def test_the_nearest_that_were_measured_stand_on_either_side(release: str, found: list[tuple[str, str]]) -> None:
    case = builders.case()
    for measured in ("6.12.9", "6.12.40", "6.12.57", "6.12.95", "6.18.44", "5.14.0-570.el9.x86_64"):
        tally(case, measured)
    tally(case, "6.12.51", label="fix v3")
    assert near(release) == found


def test_of_names_that_do_not_tell_neither_is_newer() -> None:
    tally(builders.case(), "6.1.0-41-amd64")
    assert near("6.1.170") == [("6.1.0-41-amd64", "of the same line; which is newer, their names do not tell")]


def test_a_candidate_leads_to_its_base_and_says_nothing_of_who_is_affected() -> None:
    tally(builders.case(), "6.12.57")
    tally(builders.case("other"), "6.12.60", label="fix v3")
    text = page("6.12.57", "?label=fix%20v9")
    assert "with <b>fix v9</b>" in text and '<a href="/kernels/6.12.57/">as it is</a>' in text
    assert 'id="affected"' not in text
    assert re.search(r'<a href="/kernels/6.12.60/\?label=fix(\+|%20)v3">with fix v3</a>', page("6.12.60"))


@pytest.mark.parametrize("release", ["nonsense", "6", "6.12.57" + "x" * 200, " ", "../../etc/passwd"])
def test_what_names_no_kernel_gets_the_page_of_all_that_is_not_there(release: str) -> None:
    text = page(release)
    assert "Nothing was measured on such a kernel." in text and "probe.pyz run" not in text


def test_hostile_names_are_shown_as_they_are_and_come_into_no_command() -> None:
    builders.case()
    evil = "6.12.57<script>alert(1)</script>\"'$(id)`id`"
    text = page(evil, "?label=" + quote("$(reboot)\"'<b>x</b>\x00"))
    assert "<script>alert" not in text and "<b>x</b>" not in text
    assert "6.12.57&lt;script&gt;" in text and "$(reboot)&quot;" in text
    commands = re.findall(r"<pre tabindex=\"0\"><code>(.*?)</code>", text)
    assert len(commands) == 2 and not [one for one in commands if "$(" in one or "6.12.57" in one]


def test_what_a_draft_was_measured_on_is_not_near() -> None:
    tally(builders.case(), "6.12.57")
    Document.objects.update(state="draft")
    assert near("6.12.60") == []


def test_it_asks_as_often_for_many_builds_as_for_few() -> None:
    case = builders.case()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page("6.12.60")
        return len(captured)

    tally(case, "6.12.57")
    few = queries()
    for number in range(50):
        tally(case, f"6.12.{number}")
        builders.case(f"case-{number}")
    assert queries() == few <= 5
