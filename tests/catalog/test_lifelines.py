"""The lives of all cases over kernel releases: every mark is the data, one mover at a time, whatever labs send."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from django.test import Client

from catalog.measured.drawings import lifelines
from catalog.models import Case, Document
from tests import builders
from tests.catalog.test_drawings import TREES
from tests.catalog.test_measured import tally
from tests.catalog.test_strips import MANY

pytestmark = pytest.mark.django_db


def drawn(mover: str = "") -> lifelines.Lifelines:
    return lifelines.lifelines(Case.objects.visible_to(None).for_drawing(), mover)


def lived() -> tuple[Case, Case]:
    old = builders.case("old", trees=[{"tree": "7.3", "change": "present", "release": "7.3.4", "known_by": "source"}])
    young = builders.case("young", trees=TREES)
    tally(young, "6.12.95", "moves", runs=3, mover="offline")
    tally(young, "7.3.4", "hangs", runs=4, mover="offline")
    tally(young, "7.3.4", "moves", runs=2, mover="cma")
    tally(old, "7.3.4", "refuses", runs=5, mover="cma")
    return old, young


def picture(path: str = "/kernels/") -> ElementTree.Element:
    page = Client().get(path).content.decode()
    return ElementTree.fromstring(re.findall(r'<svg class="life lives".*?</svg>', page, re.DOTALL)[0])


def test_each_case_is_a_line_from_where_it_began_and_those_of_unknown_birth_come_first() -> None:
    lived()
    builders.case("bare")
    life = drawn()
    assert [one.case.slug for one in life.lives] == ["old", "young"]
    assert life.lines == ("6.12", "6.16", "7.3", "7.4")
    old, young = life.lives
    assert young.states == ("partly", "present", "present", "absent") and old.states[2] == "present"
    assert [(tick.change, tick.release, life.lines[tick.column]) for tick in young.ticks] == [
        ("introduced", "6.16", "6.16"),
        ("fixed", "7.4.2", "7.4"),
    ]
    assert "1 times it is known where one began, 1 times where it was fixed" in life.said


def test_the_marks_on_the_page_the_table_and_the_json_are_the_data() -> None:
    lived()
    life, svg = drawn(), picture()
    shown = [(int(c.attrib["cx"]), int(c.attrib["cy"]), c.attrib["class"]) for c in svg.iter("circle")]
    marks = [(mark.x, one.y, mark.cell.verdict) for one in life.lives for mark in one.marks]
    assert shown == [(x, y, verdict if verdict == "other" else f"seen {verdict}") for x, y, verdict in marks]
    assert [verdict for *_, verdict in marks] == ["held", "moves", "held"]
    paths = {path.attrib["class"]: path.attrib["d"] for path in svg.iter("path")}
    young = next(one for one in life.lives if one.case.slug == "young")
    left = lifelines.LEFT + lifelines.STEP
    assert f"M{left} {young.y}H{left + 2 * lifelines.STEP}" in paths["present"], "two columns in one stroke"
    ticks = [path for path in svg.iter("path") if "tick" in path.attrib["class"]]
    assert [tick[0].text for tick in ticks] == ["introduced in 6.16", "fixed in 7.4.2"]
    assert svg.attrib["aria-label"] == life.said and "style" not in ElementTree.tostring(svg).decode()
    page = " ".join(Client().get("/kernels/").content.decode().split())
    assert "introduced in 6.16, fixed in 7.4.2" in page and "by offline: 6.12 ○ 0 of 3 held; 7.3 ● 4 of 4 held" in page
    data = Client().get("/kernels/?format=json").json()["charts"]["lifelines"]
    assert data == life.as_json() and data["results"][1]["known"]["6.16"] == "present"


def test_one_mover_is_marked_at_a_time_and_what_others_did_is_a_small_mark() -> None:
    lived()
    by_cma = {one.case.slug: [mark.cell.verdict for mark in one.marks] for one in drawn("cma").lives}
    assert by_cma == {"old": ["held"], "young": ["other", "moves"]}
    assert [circle.attrib["class"] for circle in picture("/kernels/?mover=cma").iter("circle")] == [
        *("seen held", "other", "seen moves"),
    ]


@pytest.mark.parametrize(("query", "said"), [("mover=nobody", "offline, cma"), ("movr=cma", "mover, format")])
def test_what_it_does_not_know_is_refused_and_the_known_is_named(query: str, said: str) -> None:
    lived()
    answer = Client().get(f"/kernels/?{query}")
    assert answer.status_code == 400 and said in answer.content.decode()


@pytest.mark.whole
def test_two_hundred_reports_from_odd_lines_and_many_cases_leave_it_bounded() -> None:
    case = lived()[1]
    for n, release in enumerate(MANY * 6):
        tally(case, release, "hangs", mover="offline", architecture=f"arch{n}")
    told = [{"tree": f"5.{n}", "change": "fixed", "release": f"5.{n}.3", "known_by": "source"} for n in range(40)]
    for n in range(lifelines.MOST):
        builders.case(f"case-{n:03}", trees=told)
    life = drawn()
    assert len(life.lines) == lifelines.COLUMNS and {"6.12", "7.3"} <= set(life.lines)
    assert (len(life.lives), life.nr_left_out) == (lifelines.MOST, 2)
    assert max(mark.x for one in life.lives for mark in one.marks) < life.width
    assert "2 more cases, of which less is known" in Client().get("/kernels/").content.decode()


def test_a_draft_is_drawn_for_nobody_who_may_not_see_it() -> None:
    lived()
    Document.objects.filter(slug="young").update(state="draft")
    assert [one.case.slug for one in drawn().lives] == ["old"]
    Document.objects.update(state="draft")
    assert "<svg class" not in Client().get("/kernels/").content.decode().partition("<main")[2]
