"""A strip shows one mover in one setting, on the lines that matter, and no change that did not happen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client

from catalog.measured import strips
from catalog.measured.strips import Strip
from catalog.models import Case
from diagnosis.kernels import releases
from reports.worker import ingest
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db
Queries = Callable[[int], AbstractContextManager[object]]
MANY = (
    *("next-20250522", "6.18.44-rc1", "7.4-rc2", "7.5.0-rc7-00007-g4a95bc121ccd", "mine", "0.0.0", ".."),
    *("5.14.0-570.el9.x86_64", "4.18.0-553.el8_10.x86_64", "6.8.0-49-generic", "6.8.12-4-pve"),
    *("6.4.0-150600.21-default", "6.1.0-android14-11-g1234567", *(f"6.{minor}.1" for minor in range(19))),
)


def strip(case: Case, mover: str = "") -> Strip:
    return strips.strips([case], mover)[case.pk]


def cells(case: Case, mover: str = "") -> list[tuple[str, str]]:
    return [(cell.line, cell.glyph) for cell in strip(case, mover).cells]


def test_a_row_is_of_one_mover_and_another_one_is_a_small_mark() -> None:
    case = builders.case()
    for release in ("6.1.9", "6.12.95", "7.3.4"):
        tally(case, release, "refuses", mover="offline", area="zone_movable", environment="guest")
    tally(case, "6.18.44", "moves", mover="compaction")
    made = strip(case)
    assert made.setting and made.setting.said == "offline, ZONE_MOVABLE, x86_64 guest"
    assert cells(case) == [("6.1", "●"), ("6.12", "●"), ("6.18", "∘"), ("7.3", "●")]
    assert made.cells[2].said == (
        "6.18: tried in other ways only. Tried otherwise: compaction: the folio moves, or leaves first"
    )


@pytest.mark.parametrize(
    "changed", [{"area": "zone_movable"}, {"environment": "guest"}, {"architecture": "arm64"}, {"kind": "log"}]
)
def test_nor_are_areas_environments_architectures_and_kinds_read_as_a_change(changed: dict[str, str]) -> None:
    case = builders.case()
    tally(case, "6.12.95", "moves", runs=3)
    tally(case, "7.3.4", "hangs", **changed)
    assert cells(case) == [("6.12", "○"), ("7.3", "∘")]
    assert "compaction in another setting: the folio stays" in strip(case).cells[1].said


def test_what_covers_most_lines_is_shown_and_of_equals_what_is_preferred() -> None:
    case = builders.case()
    tally(case, "7.3.4", mover="move_pages", runs=9)
    tally(case, "7.3.4", mover="offline")
    assert strip(case).setting.mover == "offline"  # type: ignore[union-attr]
    tally(case, "6.12.95", mover="move_pages")
    assert strip(case).setting.mover == "move_pages"  # type: ignore[union-attr]


def test_a_reader_may_choose_the_mover() -> None:
    case = builders.case()
    tally(case, "7.3.4", mover="offline")
    tally(case, "7.3.4", "moves", mover="cma")
    assert (cells(case), cells(case, "cma"), cells(case, "split")) == ([("7.3", "●")], [("7.3", "○")], [("7.3", "∘")])
    page = Client().get("/?mover=cma")
    assert [row.strip.mover.slug for _, rows in page.context["groups"] for row in rows] == ["cma"]


def test_of_one_line_the_newest_build_speaks() -> None:
    case = builders.case()
    tally(case, "6.12.9", runs=2)
    tally(case, "6.12.57+deb13-amd64", "moves")
    (cell,) = strip(case).cells
    assert cell.said == "6.12: the folio moves, or leaves first, 0 of 1 run held on 6.12.57+deb13-amd64"


@pytest.mark.whole
def test_two_hundred_reports_of_thirty_odd_kernels_make_no_strip_wider() -> None:
    case = builders.case()
    for release in ("6.1.9", "6.6.9", "6.12.95", "6.18.44", "7.3.4"):
        tally(case, release)
    before = cells(case)
    assert len(MANY) >= 30
    for number in range(200):
        kernel = {"release": MANY[number % len(MANY)], "architecture": "x86_64"}
        builders.report(builders.run(), kernel=kernel)
    while not ingest.drain():
        pass
    assert cells(case) == before and [line for line, _ in before] == ["6.1", "6.6", "6.12", "6.18", "7.3"]
    assert len(strip(case).lines) >= 20, "and the filter by kernel knows them all"


def test_the_longterm_lines_are_upstreams_and_in_order() -> None:
    read = [releases.read(line) for line in releases.LONGTERM]
    assert [one.line for one in read] == list(releases.LONGTERM)
    assert [one.order for one in read] == sorted(one.order for one in read)


def test_a_labelled_build_is_no_kernel_that_people_run() -> None:
    case = builders.case()
    tally(case, "6.18.44", label="fix v3", outcome="moves")
    tally(case, "7.3", label="fix v3", outcome="moves")
    tally(case, "6.18.44")
    assert cells(case) == [("6.18", "●")]


def test_what_is_not_conclusive_makes_no_strip() -> None:
    case = builders.case()
    tally(case, "7.3.4", "skipped")
    made = strip(case)
    assert (made.setting, made.cells, made.lines, made.is_held_on_newest) == (None, (), {}, False)
    assert ">no run<" in Client().get("/").content.decode()


def test_a_case_that_nobody_measured_stands_beside_one_that_somebody_did() -> None:
    one, other = builders.case(), builders.case("other")
    tally(one, "7.3.4")
    made = strips.strips([one, other])
    assert [cell.verdict for cell in made[other.pk].cells] == ["none"] and not made[other.pk].is_held_on_newest


def test_all_strips_are_one_query(django_assert_num_queries: Queries) -> None:
    cases = [builders.case(slug) for slug in ("a", "b", "c")]
    for case in cases:
        tally(case)
    with django_assert_num_queries(1):
        assert len(strips.strips(cases)) == 3
