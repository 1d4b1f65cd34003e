"""Whether the operation worked as a whole, from the report to the pages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from catalog.models import Case
from reports.pages import operations
from reports.worker import evidence
from tests import builders

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
FAILED = {"name": "offline of memory block 32", "before": True, "while_held": False, "after_release": True}


def offline(**operation: bool) -> dict[str, Any]:
    return builders.run(mover="offline", operation={**FAILED, **operation})


def told(case: Case) -> list[tuple[str, ...]]:
    rows = operations.of_case(case.pk, NOBODY)
    return [(row.kernel, row.operation.label, str(row.before), str(row.while_held), str(row.after)) for row in rows]


def test_runs_are_added_up_by_kernel_and_operation_newest_first() -> None:
    case = builders.case()
    builders.settled(offline(), offline(before=False), builders.run(mover="cma", operation=FAILED))
    builders.settled(offline(), kernel={"release": "7.3.4", "architecture": "x86_64", "label": "fix v3"})
    assert told(case) == [
        ("7.3.4 + fix v3", "memory block offline", "1 of 1", "0 of 1", "1 of 1"),
        ("6.18.44", "CMA allocation", "1 of 1", "0 of 1", "1 of 1"),
        ("6.18.44", "memory block offline", "1 of 2", "0 of 2", "2 of 2"),
    ]


def test_what_was_not_tried_is_not_a_zero() -> None:
    case = builders.case()
    builders.settled(builders.run(mover="offline", operation={"name": "offline", "while_held": False}))
    assert told(case) == [("6.18.44", "memory block offline", "not tried", "0 of 1", "not tried")]


def test_runs_without_a_verdict_or_an_operation_are_left_out() -> None:
    case = builders.case()
    unproved = builders.run(outcome="inconclusive", control={"nr_pages": 16, "nr_moved": 0}, operation={"name": "x"})
    builders.settled(builders.run(), {**unproved, "operation": {"name": "offline", "while_held": False}})
    assert told(case) == []
    assert "Did the operation succeed?" not in Client().get("/cases/fuse-writeback/").content.decode()


def test_refuted_evidence_does_not_count() -> None:
    case = builders.case()
    report = builders.settled(offline(), offline())
    evidence.judge(report, "/runs/0", case, builders.person(), stands=False)
    assert told(case) == [("6.18.44", "memory block offline", "1 of 1", "0 of 1", "1 of 1")]


def test_the_pages_show_it() -> None:
    builders.case()
    report = builders.settled(offline())
    page = " ".join(Client().get("/cases/fuse-writeback/").content.decode().split())
    assert "memory block offline" in page
    assert "0 of 1" in page
    page = " ".join(Client().get(report.get_absolute_url()).content.decode().split())
    assert "worked before, did not work while held, worked after the release" in page


def test_it_is_in_the_api() -> None:
    builders.case()
    builders.settled(offline(), builders.run())
    rows = Client().get("/api/v1/cases/fuse-writeback/evidence/").json()["results"]
    assert [row.get("operation") for row in sorted(rows, key=lambda row: row["key"])] == [
        {"before": True, "while_held": False, "after_release": True},
        None,
    ]


def test_it_is_one_query_however_much_there_is(
    django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    case = builders.case()
    builders.settled(offline(), builders.run(mover="cma", operation=FAILED), offline())
    with django_assert_num_queries(1):
        operations.of_case(case.pk, NOBODY)
