"""Other formats than ours, through HTTP to evidence: KTAP and KCIDB, and what tells one run from another."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Tally
from reports.models import Evidence, Report, State
from reports.worker import ingest
from tests import builders
from tests.diagnosis import test_kcidb as kcidb

pytestmark = pytest.mark.django_db

KTAP = b"KTAP version 1\n1..2\nok 1 selftests: mm: cow\nnot ok 2 selftests: mm: migration\n"
QUERY = "?kernel=6.18.44&architecture=x86_64&label=fix%20v3&environment=guest"


@pytest.fixture
def secret() -> str:
    return builders.token()


def send(secret: str, body: bytes, query: str = QUERY, **headers: str) -> Any:
    given = {"Content-Type": "application/x-ktap", "Run-Id": "run-00001", **headers}
    kind = given.pop("Content-Type")
    given = {name: value for name, value in given.items() if value}
    return Client().post(f"/api/v1/reports/{query}", body, kind, headers={**given, "Authorization": f"Bearer {secret}"})


def test_ktap_becomes_evidence_of_the_cases_that_its_tests_speak_of(secret: str) -> None:
    builders.case(signature={"names": ["mm.cow"]})
    answer = send(secret, KTAP)
    assert answer.status_code == 202
    ingest.drain()
    report, row = Report.objects.get(), Evidence.objects.get()
    assert (report.state, report.format, report.nr_observations, report.nr_unmatched) == ("settled", "ktap", 2, 1)
    assert (row.key, row.kind, row.outcome, row.mover, row.environment) == ("3:1", "test", "passed", "", "guest")
    assert (row.build.release, row.build.label, row.architecture) == ("6.18.44", "fix v3", "x86_64")
    page = Client().get(f"/reports/{report.pk}/").content.decode()
    assert "mm.cow" in page and "mm.migration" in page and "KTAP" in page
    assert "1 passed" in Client().get("/cases/fuse-writeback/").content.decode()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-ltp", b"move_pages12.c:114: TFAIL: move_pages failed: EINVAL\n"),
        ("text/plain", b"move_pages12.c:114: TFAIL: move_pages failed: EINVAL\n"),
        (
            "application/junit+xml",
            b'<testsuite name="ltp"><testcase name="move_pages12"><failure/></testcase></testsuite>',
        ),
        (
            "application/x-ktap",
            b"[stdlog] TAP version 13\n[stdlog] 1..1\n[stdlog] not ok 1 selftests: ltp: move_pages12\n",
        ),
    ],
)
def test_a_suite_is_read_in_whatever_its_runner_writes(secret: str, kind: str, body: bytes) -> None:
    builders.case(signature={"names": ["move_pages*"]})
    assert send(secret, body, **{"Content-Type": kind}).status_code == 202
    ingest.drain()
    row = Evidence.objects.get()
    assert (row.outcome, row.report.state) == ("failed", State.SETTLED)
    assert "ltp.move_pages12" in row.reason


def test_a_text_in_which_nothing_is_recognised_says_so(secret: str) -> None:
    answer = send(secret, b"make: *** No rule to make target\n", **{"Content-Type": "text/plain"})
    ingest.drain()
    receipt = Client().get(f"/api/v1/reports/{answer.json()['id']}/").json()
    assert (receipt["state"], [note["code"] for note in receipt["notes"]]) == ("settled", ["nothing-recognised"])
    assert receipt["notes"][0]["says"] in Client().get(f"/reports/{receipt['id']}/").content.decode()


def test_a_test_of_another_suite_is_no_run_that_counts(secret: str) -> None:
    builders.case(signature={"names": ["mm.cow"]})
    send(secret, KTAP)
    ingest.drain()
    (measured,) = Client().get("/api/v1/cases/fuse-writeback/").json()["measured"]
    assert (measured["conclusive_runs"], measured["held_runs"], Tally.objects.get().outcome) == (0, 0, "passed")


@pytest.mark.parametrize("query", ["&format=ktap", ""])
def test_the_format_is_known_by_its_name_or_its_media_type(secret: str, query: str) -> None:
    kind = "text/plain" if query else "text/x-ktap"
    assert send(secret, KTAP, QUERY + query, **{"Content-Type": kind}).status_code == 202
    assert Report.objects.get().format == "ktap"


def test_two_true_runs_that_print_the_same_are_two_and_one_sent_twice_is_one(secret: str) -> None:
    codes = [send(secret, KTAP, **{"Run-Id": run}).status_code for run in ("run-00001", "run-00002", "run-00001")]
    assert codes == [202, 202, 200]
    keyed = [send(secret, KTAP, **{"Run-Id": "", "Idempotency-Key": key}).status_code for key in ("a", "b", "a")]
    assert keyed == [202, 202, 200]
    assert Report.objects.count() == 4


BAD = [
    (KTAP, QUERY, {"Run-Id": ""}, 422, "no-run-id", "Run-Id"),
    (KTAP, QUERY, {"Run-Id": "short"}, 422, "bad-run-id", "Run-Id"),
    (KTAP, "", {}, 422, "bad-parameter", "kernel"),
    (KTAP, "?kernel=6.1&architecture=X", {}, 422, "bad-parameter", "architecture"),
    (KTAP, QUERY + "&environment=moon", {}, 422, "bad-parameter", "environment"),
    (KTAP, "?kernel=6.1&architecture=x86_64&label=%E2%80%AE", {}, 422, "bad-parameter", "label"),
    (KTAP, QUERY + "&format=magic", {}, 415, "unknown-format", "format"),
    (b"hello", QUERY, {}, 422, "not-ktap", "1:1"),
    (b" ", QUERY, {}, 422, "not-ktap", "1:1"),
    (KTAP, QUERY, {"Content-Type": "image/png"}, 415, "unknown-media-type", "Content-Type"),
]


@pytest.mark.parametrize(("body", "query", "headers", "status", "code", "where"), BAD)
def test_what_is_missing_or_wrong_is_named(
    secret: str, body: bytes, query: str, headers: dict[str, str], status: int, code: str, where: str
) -> None:
    answer = send(secret, body, query, **headers)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["code"], answer.json()["errors"][0]["where"]) == (code, where)
    assert Report.objects.get().state == State.REJECTED
    assert send(secret, KTAP).status_code == 202, "the same, well said"


def test_the_run_id_of_a_body_goes_before_the_header_that_a_ci_sends_with_everything(secret: str) -> None:
    native = {"Content-Type": "application/json"}
    assert send(secret, builders.body(run_id="run-of-body-1"), "", **native).status_code == 202
    assert send(secret, builders.body(run_id="run-of-body-2"), "", **native).status_code == 202
    message = {"Content-Type": "application/vnd.kcidb+json"}
    assert send(secret, kcidb.body(), "", **message).status_code == 202
    assert send(secret, kcidb.body(), "", **message | {"Run-Id": "run-00002"}).status_code == 200
    assert not Report.objects.filter(run_id__in=["run-00001", "run-00002"]).exists()


def test_kcidb_is_taken_once_and_read(secret: str) -> None:
    builders.case(signature={"names": ["move_pages*"]})
    headers = {"Content-Type": "application/vnd.kcidb+json", "Run-Id": ""}
    answers = [send(secret, kcidb.body(), "", **headers).status_code for _ in range(2)]
    assert answers == [202, 200]
    ingest.drain()
    row = Evidence.objects.get()
    assert (row.key, row.outcome, row.build.release) == ("/tests/1", "passed", "7.1-rc2-14-gabc")


def test_the_native_schema_is_published_under_its_version() -> None:
    schema = Client().get("/schemas/unmigratable-report-1.json").json()
    assert schema["$schema"].endswith("2020-12/schema") and "runs" in schema["properties"]
