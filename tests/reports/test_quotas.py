"""What is kept of somebody whom nobody trusts is bounded in bytes and rows, by person; the trusted feel none of it."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from diagnosis.formats import monitor
from diagnosis.formats.format import Given
from people.access import machines
from people.models import Machine, Standing, User
from reports.intake import quotas
from reports.intake.formats import registry
from reports.models import Report, State
from rest.bounds import limits
from rest.models import Allowance
from tests import builders

pytestmark = pytest.mark.django_db
DAY = 86_400
BAD_LINES = gzip.compress(b"{\n" * 10_000, mtime=0)  # 56 bytes


@pytest.fixture(autouse=True)
def small(settings: Any) -> Iterator[None]:
    limits._leases.clear()
    settings.LIMITS = {"send": (100, DAY), "batch": (100, DAY), "new-bytes": (30_000, DAY), "new-rejected": (3, DAY)}
    yield
    limits._leases.clear()


def newcomer(name: str = "new-box", owner: User | None = None) -> str:
    return builders.token(name, owner, trusted=False)


def send(secret: str, body: bytes, **headers: str) -> Any:
    given = {"Authorization": f"Bearer {secret}", **headers}
    return Client().post("/api/v1/reports/", body, content_type="application/json", headers=given)


def send_batch(secret: str, *lines: bytes, **headers: str) -> Any:
    given = {"Authorization": f"Bearer {secret}", **headers}
    return Client().post("/api/v1/batch/", b"\n".join(lines), content_type="application/x-ndjson", headers=given)


def sized(nr_bytes: int) -> bytes:
    made = builders.body()
    return made + b" " * (nr_bytes - len(made))


def test_bytes_are_counted_for_all_machines_of_one_person_together() -> None:
    owner = builders.person()
    first, second = newcomer("one", owner), newcomer("two", owner)
    sent = [send(secret, sized(8_000)) for secret in (first, second, first)]
    assert [answer.status_code for answer in sent] == [202, 202, 429]
    problem = sent[-1].json()
    assert problem["code"] == "over-quota" and "new-bytes" in problem["detail"] and "30000 bytes" in problem["detail"]
    assert 0 < int(sent[-1]["Retry-After"]) <= DAY and "UTC" in problem["detail"]
    assert Report.objects.count() == 2
    assert send(newcomer("other"), sized(8_000)).status_code == 202


def test_small_reports_count_as_the_rows_that_they_take() -> None:
    secret = newcomer()
    codes = [send(secret, builders.body()).status_code for _ in range(20)]
    assert codes.count(202) < 30_000 / quotas.ROW_BYTES and codes[-1] == 429


def test_what_is_small_to_send_and_large_to_keep_counts_as_what_it_takes(settings: Any) -> None:
    settings.LIMITS["new-bytes"] = (1_000_000, DAY)
    secret = newcomer()
    ktap = b"\n".join([b"KTAP version 1", b"1..1500", *(b"ok %d" % n for n in range(1_500))])
    address, codes = "/api/v1/reports/?kernel=6.18.1&architecture=x86_64", []
    for run in ("run-00000001", "run-00000002"):
        given = {"Authorization": f"Bearer {secret}", "Run-Id": run}
        codes.append(Client().post(address, ktap, "application/x-ktap", headers=given).status_code)
    assert len(ktap) < 15_000 and codes == [202, 429]


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("ktap", b"KTAP version 1\n" + b"ok\n" * 1_000),
        ("kernel-log", b"KTAP version 1\n" + b"ok\n" * 1_000),
        ("kernel-log", b"KTAP version 1\n" + b"1..0 # SKIP\n" * 1_000),
        ("kernel-log", b"".join(b"a%d.c:1: TPASS: b\n" % n for n in range(1_000))),
        ("kernel-log", b"".join(b"<<<test_start>>>\ntag=a%d\n<<<test_end>>>\n" % n for n in range(1_000))),
        ("ltp", b"".join(b"a%d 1 TPASS : b\n" % n for n in range(1_000))),
        ("junit", b"<testsuite>" + b"<testcase name='a'/>" * 1_000 + b"</testsuite>"),
    ],
)
def test_whatever_makes_a_thousand_results_counts_as_a_thousand(format: str, body: bytes) -> None:
    assert len(registry.FORMATS[format].observations(body, Given("6.1", "x86_64"))) >= 1_000
    assert quotas.nr_bytes_of(body, format) >= len(body) + 1_000 * quotas.RESULT_BYTES


def test_every_format_says_how_its_results_are_counted() -> None:
    """One without would give a stranger rows for nothing. A monitor's events are no more than its bytes pay for."""
    assert registry.FORMATS.keys() - quotas.RESULT_MARKS.keys() == {monitor.NAME}


@pytest.mark.parametrize("body", [b"{}", os.urandom(500), b" "])
def test_refused_rows_are_counted_and_then_kept_no_more(body: bytes) -> None:
    secret = newcomer()
    answers = [send(secret, body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
    assert "new-rejected" in answers[-1].json()["detail"] and Report.objects.count() == 3


def test_what_is_refused_before_it_is_read_counts_too() -> None:
    secret = newcomer()
    codes = [send(secret, b"not gzip", **{"Content-Encoding": "gzip"}).status_code for _ in range(4)]
    assert codes == [422, 422, 422, 429] and Report.objects.count() == 3


@pytest.mark.parametrize("trusted", [True, False])
def test_a_batch_whose_first_hundred_lines_are_no_reports_is_refused_whole(trusted: bool, settings: Any) -> None:
    settings.LIMITS["new-bytes"] = (10_000_000, DAY)
    answer = send_batch(builders.token(trusted=trusted), BAD_LINES, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no-reports")
    assert Report.objects.get().state == State.REJECTED and len(answer.content) < 1_000


def test_bad_lines_beside_a_good_one_leave_no_more_rows_than_the_quota(settings: Any) -> None:
    settings.LIMITS["new-bytes"] = (1_000_000, DAY)
    secret = newcomer()
    assert send_batch(secret, builders.body(), *[b"{"] * 4).json()["code"] == "no-reports"
    assert Report.objects.count() == 1  # of the batch as a whole
    answer = send_batch(secret, builders.body(), *[b"{"] * 3)
    told = [json.loads(line) for line in answer.content.splitlines()]
    assert answer.status_code == 207 and [one["status"] for one in told] == [202, 429, 429, 429]
    assert "id" not in told[1] and told[1]["problem"]["code"] == "over-quota"
    assert Report.objects.filter(state=State.REJECTED).count() == 1


def test_a_trusted_machine_has_no_quota_and_asks_no_more_for_it(settings: Any) -> None:
    settings.LIMITS["send"] = (10_000, DAY)  # blocks that last for all of these
    secret = builders.token()

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert send(secret, sized(8_000)).status_code == 202
        return len(asked)

    queries()  # the lease
    with_quotas = [queries() for _ in range(3)]
    settings.LIMITS = {name: limit for name, limit in settings.LIMITS.items() if not name.startswith("new-")}
    assert with_quotas == [queries() for _ in range(3)]
    assert not Allowance.objects.filter(name__startswith="new-").exists()


def test_a_newcomer_asks_the_database_once_a_block(settings: Any) -> None:
    settings.LIMITS = {"send": (6_000, DAY), "new-bytes": (10_000_000, DAY), "new-rejected": (1_000, DAY)}
    secret = newcomer()
    send(secret, builders.body())
    with CaptureQueriesContext(connection) as asked:
        for _ in range(20):
            send(secret, builders.body())
    assert sum("rest_allowance" in query["sql"] for query in asked) == 0


def test_trust_lifts_the_quota_at_once() -> None:
    secret = newcomer()
    codes = [send(secret, sized(8_000)).status_code for _ in range(3)]
    Machine.objects.update(standing=Standing.TRUSTED)
    assert codes[-1] == 429 and send(secret, sized(8_000)).status_code == 202


def test_machines_of_a_newcomer_share_one_limit_and_trusted_ones_have_their_own(settings: Any) -> None:
    settings.LIMITS = {"send": (2, DAY), "new-send": (3, DAY)}
    owner = builders.person()
    secrets = [newcomer("one", owner), newcomer("two", owner)]
    assert [send(secrets[n % 2], builders.body()).status_code for n in range(4)] == [202, 202, 202, 429]
    for name in ("three", "four"):
        secret = builders.token(name, owner)
        assert [send(secret, builders.body()).status_code for _ in range(3)] == [202, 202, 429]


def test_somebody_whom_nobody_trusts_has_five_machines_at_the_most() -> None:
    owner = builders.person()
    for n in range(5):
        newcomer(f"box-{n}", owner)
    with pytest.raises(ValidationError, match="Up to 5 machines"):
        newcomer("box-5", owner)
    Machine.objects.filter(name="box-0").update(standing=Standing.TRUSTED)
    assert machines.add("box-5", owner)
