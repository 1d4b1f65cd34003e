"""POST /api/v1/batch/: many reports, an outcome for each line, one transaction."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from people.access.authentication import Sender
from people.models import Scope, Token
from reports.intake import batch, decompression, inbox
from reports.models import Report, State
from reports.worker import ingest
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret() -> str:
    return builders.token()


def send(secret: str, body: bytes, **headers: str) -> Any:
    kind = headers.pop("Content-Type", batch.MEDIA_TYPE)
    return Client().post("/api/v1/batch/", body, kind, headers={**headers, "Authorization": f"Bearer {secret}"})


def outcomes(answer: Any) -> list[tuple[int, int]]:
    return [(one["line"], one["status"]) for one in map(json.loads, answer.content.splitlines())]


def test_every_line_is_kept_and_has_its_receipt(secret: str, rings: list[float]) -> None:
    builders.case()
    bodies = [builders.body() for _ in range(3)]
    answer = send(secret, b"\n".join(bodies) + b"\n")
    assert (answer.status_code, outcomes(answer)) == (202, [(1, 202), (2, 202), (3, 202)])
    assert len(rings) == 1
    ingest.drain()
    receipt = Client().get(json.loads(answer.content.splitlines()[0])["url"].partition("8000")[2]).json()
    assert receipt["state"] == "settled" and len(receipt["evidence"]) == 1
    kept = [inbox.unpacked(report.payload) for report in Report.objects.select_related("payload")]
    assert sorted(kept) == sorted(bodies)


def test_the_same_batch_again_gives_the_old_receipts(secret: str) -> None:
    body = b"\n".join(builders.body() for _ in range(3))
    first, second = send(secret, body), send(secret, body)
    assert (second.status_code, outcomes(second)) == (200, [(1, 200), (2, 200), (3, 200)])
    ids = [[json.loads(line)["id"] for line in answer.content.splitlines()] for answer in (first, second)]
    assert ids[0] == ids[1] and Report.objects.count() == 3


def test_a_bad_line_says_why_and_spoils_no_other(secret: str) -> None:
    good, other = builders.body(), builders.body(run_id="the-same-id")
    bad = [b"{", builders.body(runs=[]), builders.body(builders.moving_run(), run_id="the-same-id")]
    answer = send(secret, b"\n".join([good, *bad[:2], other, b"", bad[2], good]))
    assert answer.status_code == 207
    assert outcomes(answer) == [(1, 202), (2, 422), (3, 422), (4, 202), (6, 422), (7, 200)]
    problems = [json.loads(line)["problem"] for line in answer.content.splitlines() if b"problem" in line]
    assert [problem["code"] for problem in problems] == ["not-json", "wrong-shape", "run-id-reused"]
    assert sorted(Report.objects.values_list("state", flat=True)) == ["received"] * 2 + ["rejected"] * 3


@pytest.mark.django_db(transaction=True)
def test_batches_of_one_machine_with_the_same_runs_in_another_order_wait_for_each_other(secret: str) -> None:
    lines = [builders.body() for _ in range(400)]
    codes: list[int] = []

    def send_it(body: bytes) -> None:
        try:
            codes.append(send(secret, body).status_code)
        finally:
            connection.close()

    threads = [Thread(target=send_it, args=(b"\n".join(some),)) for some in (lines, lines[::-1]) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(codes) == [200, 200, 200, 202]
    assert Report.objects.count() == 400


def test_a_batch_without_one_good_line_is_refused_line_by_line(secret: str, rings: list[float]) -> None:
    answer = send(secret, b"{\n[]\n")
    assert (answer.status_code, outcomes(answer), rings) == (422, [(1, 422), (2, 422)], [])


def test_a_line_over_the_limit_of_a_report_is_refused_alone(secret: str) -> None:
    answer = send(secret, builders.body() + b"\n" + b" " * (decompression.MAX_BODY_BYTES + 1) + b"1")
    assert (answer.status_code, outcomes(answer)) == (207, [(1, 202), (2, 413)])


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"\n \n", {}, 422, "not-json"),
        (b"\n" * 10_001, {}, 413, "too-many-lines"),
        (b" " * (decompression.MAX_BATCH_BYTES + 1), {}, 413, "too-large"),
        (gzip.compress(b" " * (decompression.MAX_BATCH_BYTES + 1)), {"Content-Encoding": "gzip"}, 413, "too-large"),
        (b"{}", {"Content-Type": "application/json"}, 415, "unknown-media-type"),
        (b"{}", {"Content-Encoding": "gzip"}, 422, "wrongly-compressed"),
    ],
)
def test_what_is_no_batch_is_one_problem(
    secret: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = send(secret, body, **headers)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert Report.objects.get().state == State.REJECTED


def test_a_hundred_lines_ask_the_database_as_often_as_ten(secret: str) -> None:
    def queries(number: int) -> int:
        body = b"\n".join(builders.body() for _ in range(number))
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert send(secret, body).status_code == 202
        return len(asked)

    queries(1)
    assert queries(10) == queries(100)


def test_a_full_batch_takes_no_more_memory_than_four_times_its_size(secret: str) -> None:
    line = builders.body(builders.run(log=["x" * 900] * 40))
    body = b"\n".join(builders.body(builders.run(log=[f"{n} " + "x" * 900] * 34)) for n in range(1_000))
    assert len(line) > 30_000 and len(body) < decompression.MAX_BATCH_BYTES
    machine = Report._meta.get_field("machine").related_model.objects.get()
    tracemalloc.start()
    try:
        batch.take(Sender(machine, frozenset({Scope.SUBMIT}), Token()), body)
        assert tracemalloc.get_traced_memory()[1] < 4 * decompression.MAX_BATCH_BYTES
    finally:
        tracemalloc.stop()
