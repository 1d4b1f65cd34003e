"""The matrix of kernels by case, and the page of one build."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.measured import builds
from catalog.measured.overview import MEANINGS
from catalog.models import Document
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db
STAYS, MOVES = MEANINGS["held"], MEANINGS["moves"]


def page(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def kernel(release: str, label: str = "") -> dict[str, str]:
    return {"release": release, "architecture": "x86_64", **({"label": label} if label else {})}


def marks(case: str, line: str) -> list[tuple[str, str, str]]:
    rows = Client().get("/kernels/?format=json").json()["rows"]
    return [(r["mover"], r["verdict"], r["build"]) for r in rows if (r.get("case"), r.get("line")) == (case, line)]


def matrix() -> dict[int, dict[str, list[builds.Mark]]]:
    return builds.matrix(None, builds.known(None))


def test_movers_stand_beside_one_another_and_are_not_added_up() -> None:
    builders.case()
    builders.settled(builders.run(), builders.moving_run(mover="move_pages"))
    assert marks("fuse-writeback", "6.18") == [
        ("compaction", STAYS, "6.18.44"),
        ("move_pages", MOVES, "6.18.44"),
    ]


def test_marks_of_one_mover_say_what_tells_them_apart() -> None:
    builders.case()
    builders.settled(builders.run(), builders.run(area="zone_movable"), builders.run(mover="move_pages"))
    builders.settled(builders.run(mover="move_pages"), environment="guest")
    (by_line,) = matrix().values()
    assert sorted((mark.mover.slug, mark.apart) for marks in by_line.values() for mark in marks) == [
        ("compaction", "MIGRATE_MOVABLE"), ("compaction", "ZONE_MOVABLE"),
        ("move_pages", "x86_64 guest"), ("move_pages", "x86_64 host"),
    ]  # fmt: skip


def test_lines_stand_newest_first_and_vendors_after_upstream() -> None:
    case = builders.case()
    for release in ("6.1.0-41-amd64", "7.3.4", "5.14.0-570.el9.x86_64", "6.12.95", "6.12.9"):
        tally(case, release)
    lines = Client().get("/kernels/").context["lines"]
    assert [(line.name, str(line.newest)) for line in lines] == [
        ("7.3", "7.3.4"), ("6.12", "6.12.95"), ("6.1", "6.1.0-41-amd64"), ("el9 5.14", "5.14.0-570.el9.x86_64"),
    ]  # fmt: skip


def test_a_mark_is_of_the_newest_build_with_conclusive_runs_and_says_so() -> None:
    case = builders.case()
    tally(case, "6.12.9", "moves")
    tally(case, "6.12.57")
    tally(case, "6.12.95", "skipped")
    tally(case, "6.12.9", mover="offline")
    assert marks("fuse-writeback", "6.12") == [("compaction", STAYS, "6.12.57"), ("offline", STAYS, "6.12.9")]
    assert [mark.is_newest for mark in matrix()[case.pk]["6.12"]] == [False, False]


def test_a_candidate_is_listed_and_stays_out_of_the_matrix() -> None:
    case = builders.case()
    tally(case, "7.3.4")
    tally(case, "7.3.4", "moves", label="fix v3")
    tally(case, "7.4.1", "moves", label="fix v3")
    assert [line.name for line in Client().get("/kernels/").context["lines"]] == ["7.3"]
    assert marks("fuse-writeback", "7.3") == [("compaction", STAYS, "7.3.4")]
    assert [str(one.build) for one in Client().get("/kernels/").context["builds"]] == [
        "7.4.1 + fix v3", "7.3.4", "7.3.4 + fix v3",
    ]  # fmt: skip
    assert "/compare/?a=7.3.4&amp;b=7.3.4%20%2B%20fix%20v3" in page("/kernels/")


def test_a_candidate_is_compared_with_a_base_that_was_measured() -> None:
    """The plain build of a kernel that the lab built is none: the link led nowhere."""
    case = builders.case()
    tally(case, "7.4.1-lab", "hangs", label="base")
    tally(case, "7.4.1-lab", "moves", label="fix v3")
    tally(case, "7.5.1", "moves", label="alone")
    text = page("/kernels/")
    assert "/compare/?a=7.4.1-lab%20%2B%20base&amp;b=7.4.1-lab%20%2B%20fix%20v3" in text
    assert text.count("its base") == 1


def test_a_build_says_how_stale_it_is() -> None:
    case = builders.case()
    for release in ("6.1.0-9-amd64", "6.1.0-41-amd64"):
        tally(case, release)
    assert "newer here: 6.1.0-41-amd64" in page("/kernels/")
    assert "Newer here" in page("/kernels/6.1.0-9-amd64/") and "Newer here" not in page("/kernels/6.1.0-41-amd64/")


def test_a_build_has_a_page_and_its_candidate_another() -> None:
    builders.case()
    builders.settled(kernel=kernel("7.3.4+deb13-amd64"))
    builders.settled(builders.moving_run(), kernel=kernel("7.3.4+deb13-amd64", "fix v3"))
    assert "● hangs" in page("/kernels/7.3.4+deb13-amd64/")
    assert "○ moves" in page("/kernels/7.3.4+deb13-amd64/?label=fix%20v3")


@pytest.mark.parametrize("path", ["/kernels/9.9/", "/kernels/%00/", "/kernels/6.18.44/?label=%00x"])
def test_a_kernel_that_nobody_measured_is_not_found(path: str) -> None:
    builders.case()
    assert Client().get(path).status_code == 404


def test_what_a_draft_was_measured_on_stays_hidden() -> None:
    builders.case()
    builders.settled()
    Document.objects.update(state="draft")
    assert "6.18.44" not in page("/kernels/") + page("/compare/")
    assert Client().get("/kernels/6.18.44/").status_code == 404


def test_the_matrix_asks_as_often_for_many_kernels_as_for_few() -> None:
    """Builds, when each was measured, the cases with their texts, and totals."""
    case = builders.case()
    tally(case)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page("/kernels/")
        return len(captured)

    few = queries()
    for number in range(300):
        tally(case, f"6.{number % 20}.{number}")
    assert queries() == few == 4


def test_a_case_with_a_probe_says_what_it_does_and_risks() -> None:
    builders.case(probe="fuse-writeback", body="A summary.\n\n## Reproduce it\n\nWith the probe.")
    told = page("/cases/fuse-writeback/")
    assert "sudo python3 probe.pyz run fuse-writeback" in told and "Side effects" in told and "SHA-256" in told


def test_a_case_that_only_guests_may_measure_says_the_command_of_the_lab() -> None:
    builders.case("hugetlb-no-surplus", probe="hugetlb-no-surplus", body="A summary.\n\n## Reproduce it\n\nSo.")
    told = page("/cases/hugetlb-no-surplus/").partition("Side effects")[2]
    assert "probe.pyz lab trixie-backports --cases hugetlb-no-surplus" in told and "--on-this-host" not in told


def test_a_build_that_a_worker_adds_while_the_list_is_read_breaks_nothing() -> None:
    """Builds were read before what was measured on them, and then one of them was missing: a 500, once in a while."""
    builders.case()
    builders.settled(kernel={"release": "6.18.1", "architecture": "x86_64"})
    added = []

    def between(execute: Any, sql: str, *given: Any) -> Any:
        answer = execute(sql, *given)
        if not added and sql.startswith("SELECT") and ("catalog_kernelbuild" in sql or "catalog_total" in sql):
            added.append(sql)
            builders.settled(kernel={"release": "6.18.2", "architecture": "x86_64"})
        return answer

    with connection.execute_wrapper(between):
        first = [one.build.release for one in builds.known(None)]
    assert added and set(first) <= {"6.18.1", "6.18.2"}
    assert len(builds.known(None)) == 2
