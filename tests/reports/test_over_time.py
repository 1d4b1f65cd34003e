"""When the newest runs of a case were seen: every dot is the data, nothing is pooled, and no number makes it grow."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from people.models import Machine
from reports.models import Evidence
from reports.pages.drawings import over_time
from tests import builders

NOW = datetime(2026, 11, 29, tzinfo=UTC)
Seen = tuple[datetime, str, str, str, str]


def seen(days: float, outcome: str = "hangs", mover: str = "offline", release: str = "7.3.4", label: str = "") -> Seen:
    return NOW - timedelta(days=days), release, label, mover, outcome


def rows(*told: Seen) -> dict[tuple[str, str], list[tuple[int, int, str]]]:
    drawn = over_time.over_time(told)
    assert drawn
    return {(r.build, r.mover.slug): [(dot.held, dot.runs, dot.verdict) for dot in r.dots] for r in drawn.rows}


def test_runs_of_one_time_mover_and_build_are_one_dot_and_of_no_two_builds() -> None:
    told = [
        seen(0),
        seen(0, "moves"),
        seen(0, release="6.12.9"),
        seen(0, mover="cma"),
        seen(0, label="fix"),
        seen(10, "moves"),
    ]
    assert rows(*told) == {
        ("6.12.9", "offline"): [(1, 1, "held")],
        ("7.3.4", "offline"): [(0, 1, "moves"), (1, 2, "mixed")],
        ("7.3.4", "cma"): [(1, 1, "held")],
        ("7.3.4 + fix", "offline"): [(1, 1, "held")],
    }


def test_what_says_nothing_of_the_folio_is_not_drawn_and_one_day_is_no_course() -> None:
    assert over_time.over_time([]) is None
    assert over_time.over_time([seen(0, "skipped"), seen(9, "inconclusive")]) is None
    assert over_time.over_time([seen(0), seen(0.9)]) is None
    assert over_time.over_time([seen(0), seen(1)]) is not None


def test_a_thousand_runs_of_thirty_builds_are_as_wide_and_as_high_as_some() -> None:
    told = [seen(n / 24, release=f"6.{n % 30}.1") for n in range(over_time.NEWEST + 1)]
    drawn = over_time.over_time(told)
    assert drawn and drawn.is_cut
    assert (len(drawn.rows), drawn.nr_left_out) == (over_time.MOST_ROWS, 30 - over_time.MOST_ROWS)
    dots = [dot for row in drawn.rows for dot in row.dots]
    assert all(over_time.LEFT < dot.x < drawn.width and dot.radius < over_time.ROW / 2 for dot in dots)
    crowd = over_time.over_time([*[seen(0)] * 100, seen(5)])
    assert crowd and max(dot.radius for row in crowd.rows for dot in row.dots) == over_time.ROW // 2 - 1


@pytest.mark.django_db
def test_the_dots_on_the_page_are_the_evidence_that_counts(django_assert_max_num_queries: Any) -> None:
    builders.case()
    old = builders.settled(builders.run(), builders.run())
    builders.settled(builders.moving_run())
    Evidence.objects.filter(report=old).update(seen_at=NOW - timedelta(days=9))

    def page() -> str:
        return Client().get("/cases/fuse-writeback/").content.decode()

    drawing = page().partition('id="over-time"')[2]
    svg = ElementTree.fromstring(re.findall(r'<svg class="life".*?</svg>', drawing, re.DOTALL)[0])
    assert [
        (c.attrib["class"], " ".join(c[0].text.split()).partition(": ")[2]) for c in svg.iter("circle") if c[0].text
    ] == [
        ("seen held", "2 of 2 held"),
        ("seen moves", "0 of 1 held"),
    ]
    assert "compaction on 6.18.44: 2 of 3 held" in svg.attrib["aria-label"]
    Machine.objects.update(standing="new")
    assert "over-time" not in page(), "nobody trusts who sent it"
