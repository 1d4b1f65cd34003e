"""POST /api/v1/reports/: what is taken, what is turned away, and what either leaves behind."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from datetime import timedelta
from typing import Any
from uuid import RFC_4122, UUID

import pytest
import zstandard
from django.test import Client
from django.utils import timezone

from people.models import Scope, Token
from reports.intake import decompression, inbox
from reports.intake.refusals import Refusal
from reports.models import Payload, Report, State
from reports.worker import ingest
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret() -> str:
    return builders.token()


def send(secret: str, body: bytes, **headers: str) -> Any:
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}", **headers}
    kind = given.pop("Content-Type")
    return Client().post("/api/v1/reports/", data=body, content_type=kind, headers=given)


def test_a_good_report_is_kept_before_it_is_answered(secret: str, rings: list[int]) -> None:
    body = builders.body()
    answer = send(secret, body)
    assert answer.status_code == 202
    report = Report.objects.get()
    assert answer["Location"].endswith(f"/api/v1/reports/{report.pk}/")
    assert answer.json()["state"] == "received"
    assert inbox.unpacked(report.payload) == body
    assert len(rings) == 1


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress), ("identity", bytes)]
)
def test_a_compressed_report_is_kept_decompressed(secret: str, encoding: str, pack: Any) -> None:
    body = builders.body()
    assert send(secret, pack(body), **{"Content-Encoding": encoding}).status_code == 202
    assert inbox.unpacked(Payload.objects.get()) == body


def test_the_same_again_gives_the_old_receipt(secret: str, rings: list[int]) -> None:
    body = builders.body()
    first, second = send(secret, body), send(secret, body)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert Report.objects.count() == len(rings) == 1


def test_the_same_key_gives_the_old_receipt(secret: str) -> None:
    body = builders.body()
    answers = [send(secret, body, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 200]


def test_two_machines_may_use_one_key_and_one_run_id(secret: str) -> None:
    body, other = builders.body(), builders.token("other")
    assert [send(s, body, **{"Idempotency-Key": "k"}).status_code for s in (secret, other)] == [202, 202]


# What is sent, and what the problem document says: status, code, where, and part of what was expected.
BAD = [
    (b"{", {}, 422, "not-json", "1:2", "JSON"),
    (b"\xff\xfe", {}, 422, "not-json", "", "UTF-8"),
    (b"[]", {}, 422, "wrong-shape", "", "an object"),
    (b'{"format": 1, "format": 2}', {}, 422, "not-json", "", "JSON"),
    (b"[" * 5000 + b"]" * 5000, {}, 422, "not-json", "", "nesting"),
    (builders.body(version="1"), {}, 422, "wrong-shape", "/version", "1"),
    (builders.body(version=True), {}, 422, "wrong-shape", "/version", "1"),
    (builders.body(runs=[]), {}, 422, "wrong-shape", "/runs", "1 to 500 entries"),
    (builders.body(kernel={"release": "6.1"}), {}, 422, "wrong-shape", "/kernel/architecture", "to be present"),
    (builders.body(surprise=1), {}, 422, "wrong-shape", "/surprise", "only the names"),
    (builders.body(builders.run(mover="magic")), {}, 422, "wrong-shape", "/runs/0/mover", "one of move_pages"),
    (builders.body(builders.run(freed_seconds=-1)), {}, 422, "wrong-shape", "/runs/0/freed_seconds", "seconds"),
    (builders.body(builders.run(reason="a\x00b")), {}, 422, "wrong-shape", "/runs/0/reason", "without NUL"),
    (builders.body(builders.run(outcome="moves")), {}, 422, "contradiction", "/runs/0/outcome", "hangs, since"),
    (builders.body().replace(b"0.2", b"NaN"), {}, 422, "not-json", "", "JSON"),
    (b"x" * (1 << 20) + b"x", {}, 413, "too-large", "", "at most 1048576 bytes"),
    (gzip.compress(b" " * (2 << 20)), {"Content-Encoding": "gzip"}, 413, "too-large", "", "at most 1048576 bytes"),
    (zstandard.compress(b" " * (2 << 20)), {"Content-Encoding": "zstd"}, 413, "too-large", "", "at most"),
    (b"{}", {"Content-Encoding": "gzip"}, 422, "wrongly-compressed", "", "one whole gzip stream"),
    (gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 422, "wrongly-compressed", "", "one whole gzip"),
    (gzip.compress(b"{}") + b"x", {"Content-Encoding": "gzip"}, 422, "wrongly-compressed", "", "one whole gzip"),
    (b"{}", {"Content-Encoding": "zstd"}, 422, "wrongly-compressed", "", "one whole zstd stream"),
    (zstandard.compress(b"{}")[:-1], {"Content-Encoding": "zstd"}, 422, "wrongly-compressed", "", "one whole zstd"),
    (zstandard.compress(b"{}") + b"x", {"Content-Encoding": "zstd"}, 422, "wrongly-compressed", "", "one whole zstd"),
    (b"{}", {"Content-Encoding": "br"}, 415, "unknown-encoding", "Content-Encoding", "one of identity, gzip, zstd"),
    (b"{}", {"Content-Type": "image/png"}, 415, "unknown-media-type", "Content-Type", "application/json"),
    (builders.body(), {"Idempotency-Key": "k" * 201}, 422, "bad-key", "Idempotency-Key", "1 to 200"),
]


@pytest.mark.parametrize(("body", "headers", "status", "code", "where", "expected"), BAD)
def test_bad_input_names_the_place_and_leaves_a_rejected_row_and_nothing_else(
    secret: str,
    rings: list[int],
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
    where: str,
    expected: str,
) -> None:
    answer = send(secret, body, **headers)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert where in {fault["where"] for fault in problem["errors"]}
    assert any(expected in fault["expected"] for fault in problem["errors"])
    report = Report.objects.get()
    assert (report.state, report.run_id) == (State.REJECTED, None)
    assert report.reason is not None and report.reason["code"] == code
    assert rings == []


def test_a_missing_control_is_named(secret: str) -> None:
    run = builders.run()
    del run["control"]
    problem = send(secret, builders.body(run)).json()
    assert problem["detail"] == "/runs/0/control: expected to be present: no verdict without it, found nothing"


def test_another_body_under_the_same_key_is_refused(secret: str) -> None:
    assert send(secret, builders.body(), **{"Idempotency-Key": "k"}).status_code == 202
    answer = send(secret, builders.body(), **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")
    assert sorted(Report.objects.values_list("state", flat=True)) == ["received", "rejected"]


def test_another_body_under_the_same_run_id_is_refused(secret: str) -> None:
    assert send(secret, builders.body(run_id="the-same-id")).status_code == 202
    answer = send(secret, builders.body(builders.moving_run(), run_id="the-same-id"))
    assert (answer.status_code, answer.json()["code"]) == (422, "run-id-reused")


def test_a_mended_report_may_use_the_run_id_and_key_of_the_rejected_one(secret: str) -> None:
    bad = builders.body(builders.run(outcome="moves"), run_id="the-same-id")
    good = builders.body(run_id="the-same-id")
    answers = [send(secret, body, **{"Idempotency-Key": "k"}).status_code for body in (bad, good)]
    assert answers == [422, 202]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Bearer a b", "Basic x", "Bearer \xff"])
def test_a_stranger_leaves_nothing(header: str) -> None:
    answer = Client().post("/api/v1/reports/", builders.body(), "application/json", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not Report.objects.exists()


def test_a_revoked_or_expired_token_is_refused(secret: str) -> None:
    for field in ("revoked_at", "expires_at"):
        Token.objects.update(revoked_at=None, expires_at=None)
        Token.objects.update(**{field: timezone.now() - timedelta(hours=1)})
        assert send(secret, builders.body()).status_code == 401


def test_a_token_needs_the_scope() -> None:
    reader = builders.token("reader", scopes=(Scope.READ,))
    answer = send(reader, builders.body())
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert "scope submit" in answer.json()["detail"]


def test_the_receipt_tells_what_it_was_attached_to_and_why(secret: str) -> None:
    builders.case()
    sent = send(secret, builders.body(builders.run(), builders.run("unheard-of"))).json()
    ingest.drain()
    receipt = Client().get(f"/api/v1/reports/{sent['id']}/").json()
    assert (receipt["state"], receipt["nr_observations"], receipt["nr_unmatched"]) == ("settled", 2, 1)
    (evidence,) = receipt["evidence"]
    assert (evidence["case"], evidence["key"], evidence["rule"]) == ("fuse-writeback", "/runs/0", "named")
    assert evidence["freed_seconds"] == 0.2


def test_a_receipt_nobody_gave_is_a_404_problem() -> None:
    answer = Client().get("/api/v1/reports/00000000-0000-4000-8000-000000000000/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_evidence_of_a_case_is_paged(secret: str) -> None:
    builders.case(aliases=["fuse-wb"])
    for _ in range(3):
        send(secret, builders.body())
    ingest.drain()
    first = Client().get("/api/v1/cases/fuse-wb/evidence/?limit=2")
    assert len(first.json()["results"]) == 2
    url = first["Link"].partition(">")[0].lstrip("<")
    assert len(Client().get(url).json()["results"]) == 1
    assert Client().get("/api/v1/cases/nothing/evidence/").status_code == 404


def test_no_larger_body_than_the_limit_is_read(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompression, "MAX_BODY_BYTES", 100)
    assert send(secret, builders.body()).status_code == 413
    assert Report.objects.get().size_bytes == 0


@pytest.mark.django_db(transaction=True)
def test_equal_reports_at_the_same_moment_make_one_row_and_no_error() -> None:
    secret, body = builders.token(), builders.body()
    codes: list[int] = []

    def once() -> None:
        codes.append(send(secret, body, **{"Idempotency-Key": "k"}).status_code)

    at_once(*[once] * 8)
    assert sorted(codes) == [200] * 7 + [202]
    assert Report.objects.count() == 1


def test_a_chunked_body_is_asked_for_its_length(secret: str) -> None:
    headers = {"Authorization": f"Bearer {secret}", "Content-Length": ""}
    answer = Client().generic("POST", "/api/v1/reports/", b"", "application/json", headers=headers, CONTENT_LENGTH="")
    assert (answer.status_code, answer.json()["code"]) == (411, "no-length")


def test_what_is_private_in_a_refused_report_is_told_to_its_sender_alone(secret: str) -> None:
    answer = send(secret, builders.body(builders.run(mover="alice@example.org /home/alice")))
    assert "alice" in answer.content.decode()
    page = Client().get(f"/reports/{Report.objects.get().pk}/").content.decode()
    assert "alice" not in page and "mail@hidden" in page


def test_a_small_body_never_unpacks_to_much_more_than_the_limit() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(200 << 20))
    assert len(bomb) < 20_000
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="too large"):
            decompression.decoded(bomb, "zstd")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_json_with_a_charset_is_json(secret: str) -> None:
    assert send(secret, builders.body(), **{"Content-Type": "application/json; charset=utf-8"}).status_code == 202


def test_numbers_too_large_for_python_are_not_json(secret: str) -> None:
    body = json.dumps(builders.envelope()).encode().replace(b"0.2", b"9" * 5000)
    assert send(secret, body).json()["code"] == "not-json"


def test_the_ids_of_reports_follow_one_another_in_time(secret: str) -> None:
    before = time.time_ns() // 1_000_000
    ids = []
    for number in range(3):
        time.sleep(0.002)
        ids.append(UUID(send(secret, builders.body(run_id=f"in-order-{number}")).json()["id"]))
    assert ids == sorted(ids) and {(one.version, one.variant) for one in ids} == {(7, RFC_4122)}
    assert before < ids[0].int >> 80 <= time.time_ns() // 1_000_000
