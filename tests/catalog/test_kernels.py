"""The matrix of kernels by case, and the page of one build."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Document
from tests import builders

pytestmark = pytest.mark.django_db


def page(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def kernel(release: str, label: str = "") -> dict[str, str]:
    return {"release": release, "architecture": "x86_64", **({"label": label} if label else {})}


def test_movers_stand_beside_one_another_and_are_not_added_up() -> None:
    builders.case()
    builders.settled(builders.run(), builders.moving_run(mover="move_pages"))
    ((_, (summaries,)),) = Client().get("/kernels/").context["table"]
    assert [(one.mover.slug, one.verdict) for one in summaries] == [("compaction", "held"), ("move_pages", "moves")]


def test_the_newest_kernel_stands_first_and_a_candidate_has_a_column_of_its_own() -> None:
    builders.case()
    for release, label in (("6.1.0-41-amd64", ""), ("7.3.4", ""), ("6.12.95", ""), ("7.3.4", "fix v3")):
        builders.settled(kernel=kernel(release, label))
    rows = [str(column.build) for column in Client().get("/kernels/").context["columns"]]
    assert rows == ["7.3.4", "7.3.4 + fix v3", "6.12.95", "6.1.0-41-amd64"]


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
    assert "6.18.44" not in page("/kernels/")
    assert Client().get("/kernels/6.18.44/").status_code == 404


def test_the_matrix_asks_as_often_for_many_kernels_as_for_few() -> None:
    """Tallies with their builds, and the cases."""
    builders.case()
    builders.settled()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page("/kernels/")
        return len(captured)

    few = queries()
    for number in range(8):
        builders.settled(kernel=kernel(f"6.{number}.1"))
    assert queries() == few == 2


def test_a_case_with_a_probe_says_what_it_does_and_risks() -> None:
    builders.case(probe="fuse-writeback", body="A summary.\n\n## Reproduce it\n\nWith the probe.")
    told = page("/cases/fuse-writeback/")
    assert "sudo python3 probe.pyz run fuse-writeback" in told and "Side effects" in told and "SHA-256" in told
