"""A lab finds its own reports again: each filter alone and together, and wrong ones refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from reports.models import Report, State
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db
X86 = {"architecture": "x86_64"}


def found(address: str = "", **given: str) -> list[str]:
    """The run ids of the list, newest first, over all its pages."""
    made, path = [], address or "/api/v1/reports/"
    while path:
        answer = Client().get(path, given)
        assert answer.status_code == 200, answer.content
        document = answer.json()
        made += [row["run_id"] for row in document["results"]]
        path, given = document.get("next", ""), {}
    return made


@pytest.fixture(autouse=True, scope="module")
def three(once: Callable[..., None]) -> None:
    once(_three)


def _three() -> None:
    builders.case()
    farm = builders.machine("farm")
    builders.settled(run_id="base-0001")
    builders.settled(builders.moving_run(), run_id="patched-1", kernel={"release": "6.18.44", "label": "v3", **X86})
    builders.settled(
        builders.run("unheard-of"),
        builders.moving_run(),
        run_id="mixed-001",
        sender=farm,
        kernel={"release": "7.1+x", **X86},
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["mixed-001", "patched-1", "base-0001"]),
        ({"machine": "farm"}, ["mixed-001"]),
        ({"machine": "nobody"}, []),
        ({"run_id": "base-0001"}, ["base-0001"]),
        ({"run_id": "base-0001", "machine": "farm"}, []),
        ({"kernel": "6.18.44"}, ["patched-1", "base-0001"]),
        ({"kernel": "v6.18.44"}, ["patched-1", "base-0001"]),
        ({"kernel": "6.18.44", "label": "v3"}, ["patched-1"]),
        ({"kernel": "7.1+x"}, ["mixed-001"]),
        ({"kernel": "9.9"}, []),
        ({"state": "settled"}, ["mixed-001", "patched-1", "base-0001"]),
        ({"state": "failed"}, []),
        ({"case": "fuse-writeback"}, ["mixed-001", "patched-1", "base-0001"]),
        ({"case": "unheard-of"}, ["mixed-001"]),
        ({"case": "fuse-writeback", "outcome": "hangs"}, ["base-0001"]),
        ({"outcome": "hangs"}, ["mixed-001", "base-0001"]),
        ({"case": "unheard-of", "outcome": "moves"}, []),
        ({"since": "2026-01-01"}, ["mixed-001", "patched-1", "base-0001"]),
        ({"since": "2999-01-01T00:00:00+02:00"}, []),
    ],
)
@pytest.mark.parametrize("few", [1_000, 0])
def test_each_filter_picks_what_it_says(
    given: dict[str, str], expected: list[str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with an index that has few rows, and by walking."""
    monkeypatch.setattr("reports.worker.filters.FEW", few)
    assert found(**given) == expected
    ledger = on_one_line(Client().get("/reports/", given)).partition('<table class="table stacks ledger">')[2]
    assert ledger.partition("</table>")[0].count('<th scope="row">') == len(expected)


def test_a_row_tells_kernels_cases_and_outcomes_of_what_no_case_explains() -> None:
    (row,) = Client().get("/api/v1/reports/", {"machine": "farm"}).json()["results"]
    assert row["kernels"] == [{"release": "7.1+x", "architecture": "x86_64"}]
    assert (row["cases"], row["machine"], row["format"]) == (["fuse-writeback"], "farm", "unmigratable-report")
    (unmatched,) = Client().get(row["url"]).json()["unmatched"]
    assert (unmatched["names"], unmatched["outcome"]) == ("unheard-of", "hangs")


def test_what_was_taken_down_is_not_found_by_what_it_said() -> None:
    Report.objects.filter(run_id="base-0001").update(state=State.ERASED)
    assert found(run_id="base-0001") == []
    assert len(Client().get("/api/v1/reports/?state=erased").json()["results"]) == 1


def test_evidence_of_a_case_is_picked_by_the_same_words() -> None:
    def keys(**given: str) -> list[tuple[str, str]]:
        answer = Client().get("/api/v1/cases/fuse-writeback/evidence/", given)
        assert answer.status_code == 200, answer.content
        return [(row["kernel"]["release"], row["outcome"]) for row in answer.json()["results"]]

    assert keys() == [("7.1+x", "moves"), ("6.18.44", "moves"), ("6.18.44", "hangs")]
    assert keys(machine="farm") == keys(kernel="7.1+x") == keys(run_id="mixed-001") == [("7.1+x", "moves")]
    assert keys(outcome="hangs") == [("6.18.44", "hangs")] and keys(label="v3") == [("6.18.44", "moves")]
    assert len(keys(since="2026-01-01")) == 3 and keys(since="2999-01-01") == []


WRONG = {
    "sort=x": "'sort' is no parameter of this address: expected one of",
    "since=yesterday": "since: expected a day or a time",
    "since=2026-13-01": "since: expected a day or a time",
    "state=done": "state: expected one of received, ingesting",
    "outcome=stuck": "outcome: expected one of",
    "machine=A%20B": "machine: expected the name of a machine",
    "run_id=x": "run_id: expected 8 to 100",
    "kernel=%00": "kernel: expected what",
    "state=settled&state=failed": "state: expected once, found 2 times",
    "cursor=x": "cursor: expected one from a Link header",
}


@pytest.mark.parametrize("query", WRONG)
def test_a_wrong_filter_is_a_400_that_says_what_there_is(query: str) -> None:
    answer = Client().get(f"/api/v1/reports/?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert WRONG[query] in answer.json()["detail"]
    page = Client().get(f"/reports/?{query}")
    assert page.status_code == 400 and WRONG[query].partition("'")[0] in page.content.decode()


def test_a_variable_that_was_never_set_is_refused_and_a_form_left_open_is_not() -> None:
    assert Client().get("/api/v1/reports/?machine=").status_code == 400
    assert Client().get("/reports/?machine=&state=&case=").status_code == 200
