"""Drawings: every mark equals the data, and no lab makes them grow."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from django.test import Client

from catalog.documents.parser import parse
from catalog.documents.schema import CaseText
from catalog.measured import histogram, overview
from catalog.measured.drawings import freed, grid, lifeline, mechanism
from catalog.models import Case
from diagnosis.words.vocabulary import MECHANISMS, MOVERS
from tests import builders
from tests.catalog.test_measured import tally
from tests.catalog.test_strips import MANY

pytestmark = pytest.mark.django_db
TREES = [
    {"tree": "mainline", "change": "introduced", "release": "6.16", "commit": "0c58a97f919c", "known_by": "mail"},
    {"tree": "6.12", "change": "present", "release": "6.12.107", "known_by": "source", "not_run": "A locked one."},
    {"tree": "7.2", "change": "present", "release": "7.2.13", "known_by": "source"},
    {"tree": "7.4", "change": "fixed", "release": "7.4.2", "known_by": "source"},
]


def read(case: Case) -> CaseText:
    assert case.document.current
    made = parse(case.document.current.text)
    assert isinstance(made, CaseText)
    return made


def drawn(case: Case) -> lifeline.Lifeline:
    made = lifeline.lifeline(read(case), overview.summaries(case))
    assert made
    return made


def pictures(path: str, name: str) -> list[ElementTree.Element]:
    page = Client().get(path).content.decode()
    return [ElementTree.fromstring(one) for one in re.findall(rf'<svg class="{name}".*?</svg>', page, re.DOTALL)]


def test_a_lifeline_says_of_each_line_what_the_text_knows_and_what_each_mover_did() -> None:
    case = builders.case(trees=TREES)
    tally(case, "6.12.95", "moves", runs=3)
    tally(case, "7.3.4", "hangs", runs=4)
    tally(case, "7.3.4", "refuses", runs=1)
    tally(case, "7.3.4", "moves", runs=5, mover="offline")
    life = drawn(case)
    assert [(one.line, one.state) for one in life.columns] == [
        ("6.12", "partly"),
        ("6.16", "present"),
        ("7.2", "present"),
        ("7.3", "present"),
        ("7.4", "absent"),
    ]
    assert [(one.change, one.release, one.commit) for one in life.events] == [
        ("introduced", "6.16", "0c58a97f919c"),
        ("fixed", "7.4.2", ""),
    ]
    marks = {(row.mover.slug, m.line): (m.seen.held, m.seen.runs) for row in life.rows for m in row.marks}
    assert marks == {("offline", "7.3"): (0, 5), ("compaction", "6.12"): (0, 3), ("compaction", "7.3"): (5, 5)}
    assert "Introduced in 6.16" in life.said and "Compaction: the folio moves, or leaves first on 6.12" in life.said


def test_the_marks_on_the_page_its_table_and_its_json_are_the_data() -> None:
    case = builders.case(trees=TREES)
    tally(case, "6.12.95", "moves", runs=3)
    tally(case, "7.3.4", "hangs", runs=4)
    life = drawn(case)
    svg = pictures("/cases/fuse-writeback/", "life")[0]
    shown = [(int(c.attrib["cx"]), int(c.attrib["cy"]), c.attrib["class"]) for c in svg.iter("circle")]
    assert shown == [(m.x, m.y, f"seen {m.seen.verdict}") for row in life.rows for m in row.marks] and len(shown) == 2
    bands = [line.attrib["class"] for line in svg.iter("line") if line.attrib["y1"] == str(life.band)]
    assert bands == [column.state for column in life.columns]
    assert svg.attrib["aria-label"] == life.said and "style" not in ElementTree.tostring(svg).decode()
    page = Client().get("/cases/fuse-writeback/").content.decode()
    for name, cells in life.table:
        assert name in page and all(one.replace("'", "&#x27;") in page for one in cells)
    data = Client().get("/cases/fuse-writeback/?format=json").json()["charts"]["lifeline"]
    assert data == life.as_json()
    assert [(one["line"], one["known"]) for one in data["lines"]][:2] == [("6.12", "partly"), ("6.16", "present")]


def test_nothing_known_is_no_lifeline_and_memory_alone_is_drawn_as_unknown() -> None:
    assert lifeline.lifeline(read(builders.case("bare")), []) is None
    told = [{"tree": "6.1", "change": "present", "known_by": "memory"}]
    assert [one.state for one in drawn(builders.case("told", trees=told)).columns] == ["unknown"]


def test_two_hundred_reports_from_odd_lines_leave_lifeline_and_grid_as_they_are() -> None:
    case = builders.case(
        trees=[*TREES, *({"tree": f"5.{n}", "change": "present", "known_by": "source"} for n in range(40))]
    )
    tally(case, "6.12.95", "moves", runs=3)
    tally(case, "7.3.4", "hangs", runs=4)
    for n, release in enumerate(MANY * 6):
        tally(case, release, "hangs", mover=list(MOVERS)[n % len(MOVERS)], environment="host" if n % 2 else "guest", architecture=f"arch{n // len(MANY)}")  # fmt: skip  # noqa: E501
    life, rows = drawn(case), overview.summaries(case)
    assert len(rows) > 150
    assert len(life.columns) <= lifeline.COLUMNS and {"6.16", "7.4"} <= {one.line for one in life.columns}
    assert all(one.x2 <= lifeline.WIDTH for one in life.columns)
    made = grid.grid(rows)
    assert len(made.places) == grid.PLACES and len(made.rows) <= grid.ROWS
    assert made.nr_left_out == len(rows) - sum(c.summary is not None for row in made.rows for c in row.cells)
    assert "7.3.4" in [one.build.release for one in made.places]
    page = Client().get("/cases/fuse-writeback/")
    assert page.status_code == 200 and f"{made.nr_left_out} more are in the table below" in page.content.decode()


def test_a_grid_cell_is_one_setting_and_what_does_not_count_stands_beside_it() -> None:
    case = builders.case()
    tally(case, "6.12.95", "moves", runs=3)
    tally(case, "6.12.95", "inconclusive", runs=2)
    tally(case, "7.3.4", "hangs", runs=4, area="zone_movable")
    made = grid.grid(overview.summaries(case))
    assert [str(one.build) for one in made.places] == ["6.12.95", "7.3.4"]
    cells = {row.area.slug: [(cell.said, cell.nr_aside) for cell in row.cells] for row in made.rows}
    assert cells == {"migrate_movable": [("0/3", 2), ("", 0)], "zone_movable": [("", 0), ("4/4 hangs", 0)]}
    data = Client().get("/cases/fuse-writeback/?format=json").json()["charts"]["evidence"]
    assert data == made.as_json()


def test_dots_are_the_histogram_of_the_newest_kernel_that_held() -> None:
    case = builders.case()
    times = histogram.added([histogram.of(0.02), histogram.of(0.02), histogram.of(30.0)])
    tally(case, "7.3.4", "hangs", runs=3, histogram=times)
    tally(case, "6.12.95", "hangs", runs=1, histogram=histogram.of(500.0))
    row = grid.grid(overview.summaries(case)).rows[0]
    assert row.freed and row.freed.release == "7.3.4"
    assert [dot.runs for dot in row.freed.dots] == [2, 1]
    assert [histogram.bucket(dot.seconds) for dot in row.freed.dots] == [histogram.bucket(0.02), histogram.bucket(30.0)]
    svg = pictures("/cases/fuse-writeback/", "freed")[1]
    assert [(int(c.attrib["cx"]), int(c.attrib["r"])) for c in svg.iter("circle")] == [
        (dot.x, dot.radius) for dot in row.freed.dots
    ]
    assert svg.attrib["aria-label"] == row.freed.said and "2 × about 20 ms" in row.freed.said


def test_an_axis_of_times_is_logarithmic_and_bounded() -> None:
    steps = [freed.place(10.0**n) for n in range(-2, 4)]
    widths = {b - a for a, b in pairwise(steps)}
    assert max(widths) - min(widths) <= 1
    assert freed.place(0.0) == freed.MARGIN and freed.place(1e9) == freed.WIDTH - freed.MARGIN
    full = freed.freed("7.3.4", [10_000] * histogram.BUCKETS)
    assert full and len(full.dots) == histogram.BUCKETS and max(dot.radius for dot in full.dots) <= 7
    assert freed.freed("7.3.4", [0] * histogram.BUCKETS) is None


@pytest.mark.parametrize("slug", MECHANISMS)
def test_every_mechanism_has_a_picture_filled_from_the_head(slug: str) -> None:
    effects = [{"effect": "hotunplug", "manner": "sleeps_in_d", "standing": "measured"}]
    made = mechanism.diagram(read(builders.case(mechanism=slug, controllers=["device", "guest"], effects=effects)))
    assert made and made.manner == "sleeps in D" and made.holders == ("device", "guest")
    assert MECHANISMS[slug].meaning.rstrip(".") in made.said and "Memory hotunplug sleeps in D" in made.said
    words = [made.folio, made.link, made.back, *made.holders]
    assert all(len(word) <= 20 for word in words), "it would not fit its box"
    svg = pictures("/cases/fuse-writeback/", "mechanism")[0]
    assert made.folio in "".join(svg.itertext()) and svg.attrib["aria-label"] == made.said


@pytest.mark.django_db
def test_a_candidate_and_a_row_that_says_nothing_take_no_place_in_the_grid() -> None:
    case = builders.case()
    tally(case, "7.3.4", "moves", label="fix v3")
    assert [str(one.build) for one in grid.grid(overview.summaries(case)).places] == ["7.3.4 + fix v3"]
    tally(case, "7.3.4", "skipped")
    tally(case, "7.3.4", mover="offline")
    made = grid.grid(overview.summaries(case))
    assert [str(one.build) for one in made.places] == ["7.3.4"]
    assert [row.mover.slug for row in made.rows] == ["offline"] and made.nr_left_out == 2
