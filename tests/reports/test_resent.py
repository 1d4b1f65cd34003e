"""Sent twice: the same gives the old receipt, anything else under its key or run id is refused by what differs."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reports.intake import inbox
from reports.intake.refusals import Refusal
from reports.intake.submission import native
from reports.models import Report, State
from reports.recorded import files
from reports.review import takedown
from tests import builders
from tests.diagnosis import test_kcidb as kcidb

pytestmark = pytest.mark.django_db
KTAP = b"KTAP version 1\n1..1\nok 1 mm.cow\n"
GIVEN = {"kernel": "6.18.1", "architecture": "x86_64", "label": "base", "environment": "guest"}
HEADERS = ("Run-Id", "Idempotency-Key")


@pytest.fixture
def secret() -> str:
    return builders.token()


def send(secret: str, body: bytes = KTAP, kind: str = "application/x-ktap", given: Any = GIVEN, **headers: str) -> Any:
    address = "/api/v1/reports/?" + urlencode(given)
    return Client().post(address, body, kind, headers={"Authorization": f"Bearer {secret}", **headers})


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("kernel", "6.19.9"), ("architecture", "aarch64"), ("label", "patched"), ("label", ""), ("environment", "host")],
)
def test_equal_bytes_of_another_kernel_are_refused_by_what_differs(
    secret: str, header: str, name: str, value: str
) -> None:
    given = {key: said for key, said in {**GIVEN, name: value}.items() if said}
    answers = [send(secret, given=some, **{header: "job-00001"}) for some in (GIVEN, given)]
    assert [answer.status_code for answer in answers] == [202, 422]
    problem = answers[1].json()
    assert problem["code"] == ("run-id-reused" if header == "Run-Id" else "key-reused")
    (error,) = problem["errors"]
    assert (error["where"], error["found"]) == (name, f"{value or 'nothing'}, not {GIVEN[name]}")
    assert answers[0].json()["id"] in error["expected"]
    assert Report.objects.exclude(state=State.REJECTED).count() == 1


@pytest.mark.parametrize("header", HEADERS)
def test_equal_bytes_in_another_format_are_refused_by_format(secret: str, header: str) -> None:
    assert send(secret, **{header: "job-00001"}).status_code == 202
    answer = send(secret, kind="text/plain", **{header: "job-00001"})
    assert (answer.status_code, [one["where"] for one in answer.json()["errors"]]) == (422, ["format"])
    explicit = send(secret, kind="text/plain", given={**GIVEN, "format": "ktap"}, **{header: "job-00001"})
    assert explicit.status_code == 200, "the format is the same, however it was named"


@pytest.mark.parametrize("header", HEADERS)
def test_the_same_sending_gives_the_old_receipt_however_its_media_type_is_spelt(secret: str, header: str) -> None:
    kinds = ("application/x-ktap", "application/x-ktap; charset=utf-8", "Application/X-KTAP;charset=US-ASCII")
    answers = [send(secret, kind=kind, **{header: "job-00001"}) for kind in kinds]
    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_everything_that_differs_is_named_at_once(secret: str) -> None:
    assert send(secret, **{"Run-Id": "job-00001"}).status_code == 202
    given = {**GIVEN, "kernel": "6.19.9", "label": "patched"}
    answer = send(secret, KTAP + b"# more\n", given=given, **{"Run-Id": "job-00001"})
    assert [one["where"] for one in answer.json()["errors"]] == ["Run-Id", "kernel", "label"]


def test_one_key_with_two_run_ids_is_refused(secret: str) -> None:
    assert send(secret, **{"Idempotency-Key": "k", "Run-Id": "job-00001"}).status_code == 202
    answer = send(secret, **{"Idempotency-Key": "k", "Run-Id": "job-00002"})
    assert (answer.status_code, [one["where"] for one in answer.json()["errors"]]) == (422, ["Run-Id"])


def test_a_key_of_one_report_and_a_run_id_of_another_are_refused(secret: str) -> None:
    assert send(secret, **{"Run-Id": "job-00001"}).status_code == 202
    other = {**GIVEN, "kernel": "6.1.0"}
    assert send(secret, given=other, **{"Idempotency-Key": "k"}).status_code == 202
    assert send(secret, **{"Run-Id": "job-00001", "Idempotency-Key": "k"}).status_code == 422


@pytest.mark.parametrize("spelt", ['"k-1"', "k-1"])
def test_a_key_in_quotes_is_the_same_key(secret: str, spelt: str) -> None:
    codes = [send(secret, **{"Idempotency-Key": key}).status_code for key in (spelt, "k-1", '"k-1"')]
    assert codes == [202, 200, 200]
    assert Report.objects.get().idempotency_key == "k-1"


def test_an_empty_key_in_quotes_is_refused(secret: str) -> None:
    assert send(secret, **{"Idempotency-Key": '""'}).json()["code"] == "bad-key"


def test_keys_that_were_stored_in_quotes_are_unquoted_unless_the_bare_one_is_there(secret: str) -> None:
    for key in ("bare", "a", "b"):
        send(secret, **{"Idempotency-Key": key})
    Report.objects.filter(idempotency_key="a").update(idempotency_key='"bare"')
    Report.objects.filter(idempotency_key="b").update(idempotency_key=r'"say \"\\x\""')
    with connection.cursor() as cursor:
        cursor.execute(importlib.import_module("reports.migrations.0014_keys_unquoted").FORWARD)
    assert set(Report.objects.values_list("idempotency_key", flat=True)) == {"bare", '"bare"', r'say "\x"'}


def test_equal_json_in_another_order_is_the_same_sending(secret: str) -> None:
    report = builders.envelope(run_id="the-same-id")
    turned = json.dumps(dict(reversed(report.items())), indent=1).encode()
    answers = [send(secret, body, "application/json", {}) for body in (json.dumps(report).encode(), turned)]
    assert [answer.status_code for answer in answers] == [202, 200]
    answers = [
        send(secret, body, "application/vnd.kcidb+json", {})
        for body in (kcidb.body(), json.dumps(kcidb.document(), sort_keys=True, indent=2).encode())
    ]
    assert [answer.status_code for answer in answers] == [202, 200]


def test_a_truth_is_no_number_where_json_is_compared(secret: str) -> None:
    def body(value: object) -> bytes:
        return builders.body(builders.run(facts={"nr_things": value}), run_id="the-same-id")

    assert [send(secret, body(v), "application/json", {}).status_code for v in (1, True)] == [202, 422]


def test_an_erased_report_sent_again_gives_its_old_receipt(secret: str) -> None:
    assert send(secret, **{"Run-Id": "job-00001"}).status_code == 202
    takedown.erase(Report.objects.get(), builders.person(), "asked for")
    assert send(secret, **{"Run-Id": "job-00001"}).json()["state"] == "erased"
    assert send(secret, KTAP + b"# more\n", **{"Run-Id": "job-00001"}).status_code == 422


def test_another_recording_of_one_run_is_refused() -> None:
    machine, body = builders.machine(), builders.body()
    one = files.Recording("box", datetime(2026, 11, 22, tzinfo=UTC), "6.18.44", "probe.pyz run x", body)
    first, is_new = inbox.take(native(machine, body, one))
    assert is_new and inbox.take(native(machine, body, one)) == (first, False)
    for other, where in (
        (replace(one, command="probe.pyz run y"), "command"),
        (replace(one, recorded_at=one.recorded_at + timedelta(days=1)), "recorded_at"),
    ):
        with pytest.raises(Refusal) as refused:
            inbox.take(native(machine, body, other))
        assert [fault.where for fault in refused.value.faults] == [where]


def test_in_a_batch_and_beside_it_the_same_holds(secret: str) -> None:
    headers = {"Authorization": f"Bearer {secret}"}
    body, other = builders.body(run_id="the-same-id"), builders.body(builders.moving_run(), run_id="the-same-id")
    labelled = builders.body(run_id="another-id")
    assert send(secret, labelled, "application/json", {"label": "patched"}).status_code == 202
    lines = b"\n".join([body, body, other, labelled])
    answer = Client().post("/api/v1/batch/", lines, "application/x-ndjson", headers=headers)
    outcomes = [json.loads(line) for line in answer.content.splitlines()]
    assert [one["status"] for one in outcomes] == [202, 200, 422, 422]
    places = [one["problem"]["errors"][0]["where"] for one in outcomes[2:]]
    assert places == ["/run_id", "label"]


def test_a_batch_of_many_reused_run_ids_asks_the_database_as_often_as_one_of_few(secret: str) -> None:
    def queries(number: int) -> int:
        ids = [f"reused-{number}-{n}" for n in range(number)]
        for outcome in ("hangs", "moves"):
            run = builders.run() if outcome == "hangs" else builders.moving_run()
            lines = b"\n".join(builders.body(run, run_id=one) for one in ids)
            with CaptureQueriesContext(connection) as asked:
                headers = {"Authorization": f"Bearer {secret}"}
                answer = Client().post("/api/v1/batch/", lines, "application/x-ndjson", headers=headers)
        assert answer.status_code == 422
        return len(asked)

    queries(1)
    assert queries(2) == queries(20)


def test_what_a_reused_label_says_is_scrubbed_for_strangers(secret: str) -> None:
    for label in ("somebody@home.example", "other@home.example"):
        answer = send(secret, given={**GIVEN, "label": label}, **{"Run-Id": "job-00001"})
    assert answer.status_code == 422
    reason = Report.objects.get(state=State.REJECTED).reason
    assert "home.example" not in json.dumps(reason)
