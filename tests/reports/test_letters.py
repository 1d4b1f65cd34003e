"""Dead letters: found, fixed, read again singly or many; taken down; and the ledger always adds up."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from catalog.models import Tally
from people.models import Event, Role, User
from reports.models import Evidence, Judgment, Observation, Payload, Report, Shared, State
from reports.pages.ledger import ledger
from reports.review import takedown
from reports.totals import check
from reports.worker import claims, evidence, ingest
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def maintainer() -> User:
    return builders.person("chief", Role.MAINTAINER)


def as_(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def broken() -> Report:
    """A report that we fail on."""
    report = builders.report()
    whole = report.payload.body
    Payload.objects.filter(report=report).update(body=b"not zstd at all")
    ingest.drain()
    Payload.objects.filter(report=report).update(body=whole)
    report.refresh_from_db()
    assert report.state == State.FAILED
    return report


def adds_up() -> dict[str, int]:
    now = ledger()
    parts = {label: number for _, label, number in now.states}
    assert now.received == sum(parts.values()) == Report.objects.count()
    return {label: number for label, number in parts.items() if number}


def test_failed_ones_are_read_again_one_by_one_and_all_together(maintainer: User) -> None:
    builders.case()
    failed = [broken() for _ in range(3)]
    page = as_(maintainer).get("/reports/?state=failed").content.decode()
    assert "3 reports." in page and "Read these reports again" in page
    assert "read again" not in as_(maintainer).get("/reports/?state=rejected").content.decode()
    as_(maintainer).post("/reports/again", {"report": str(failed[0].pk)})
    assert ", read before " in " ".join(as_(maintainer).get(f"/reports/{failed[0].pk}/").content.decode().split())
    ingest.drain()
    assert adds_up() == {"settled": 1, "failed": 2}
    as_(maintainer).post("/reports/again", {"state": "failed"})
    ingest.drain()
    assert adds_up() == {"settled": 3} and Evidence.objects.count() == 3
    assert Event.objects.filter(verb="reports.replayed", actor=maintainer).count() == 2


@pytest.mark.parametrize("given", [{}, {"state": "nonsense"}, {"report": "x"}, {"since": "yesterday"}])
def test_what_names_no_report_reads_none_again(maintainer: User, given: dict[str, str]) -> None:
    builders.settled()
    as_(maintainer).post("/reports/again", given)
    assert adds_up() == {"settled": 1}


def test_only_maintainers_have_reports_read_again_or_taken_down() -> None:
    report = builders.settled()
    editor = as_(builders.person("editor", Role.EDITOR))
    assert editor.post("/reports/again", {"state": "settled"}).status_code == 403
    assert editor.post(f"/reports/{report.pk}/erase", {"why": "x"}).status_code == 403
    assert adds_up() == {"settled": 1}


def test_what_is_taken_down_is_gone_and_stays_in_the_ledger(maintainer: User) -> None:
    builders.case()
    kept, gone = builders.settled(), builders.settled(builders.run(), builders.run("unheard-of"), run_id="taken-down")
    row = Evidence.objects.get(report=gone)
    evidence.judge(gone, row.key, row.case, maintainer, stands=True)
    assert as_(maintainer).post(f"/reports/{gone.pk}/erase", {"why": ""}).status_code == 302
    assert adds_up() == {"settled": 2}, "a reason is asked for"
    as_(maintainer).post(f"/reports/{gone.pk}/erase", {"why": "it named a customer"})
    assert adds_up() == {"settled": 1, "erased": 1}
    for model in (Payload, Observation, Evidence, Judgment):
        assert set(model.objects.values_list("report", flat=True)) <= {kept.pk}
    assert Tally.objects.get().runs == 1 and check.disagreements() == check.miscounts() == []
    assert "taken down" in Client().get(f"/reports/{gone.pk}/").content.decode()
    assert Event.objects.filter(verb="report.erased").count() == 1


def test_sending_what_was_taken_down_again_gives_the_old_receipt(maintainer: User) -> None:
    secret, body = builders.token(), builders.body()
    send = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {secret}"}}
    first = Client().post("/api/v1/reports/", body, **send).json()
    takedown.erase(Report.objects.get(), maintainer, "by mistake")
    answer = Client().post("/api/v1/reports/", body, **send)
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (200, "erased", first["id"])


def test_a_worker_that_is_at_it_writes_nothing_of_what_is_taken_down_meanwhile(maintainer: User) -> None:
    builders.case()
    report = builders.report()
    claim, ids = claims.claim()
    takedown.erase(report, maintainer, "quickly")
    ingest._work(claim, ids)
    assert adds_up() == {"erased": 1} and not Evidence.objects.exists()


def test_reingest_picks_by_format_and_day() -> None:
    old, _ = builders.settled(), builders.settled()
    Report.objects.filter(pk=old.pk).update(received_at=timezone.now() - timedelta(days=3))
    today = timezone.now().date().isoformat()

    def said(*words: str) -> int:
        out = StringIO()
        call_command("reingest", *words, "--dry-run", stdout=out)
        return int(out.getvalue().split()[0])

    assert said("--format", "unmigratable-report") == 2
    assert said("--format", "ktap") == 0
    assert said("--since", today) == 1
    assert said("--since", today, "--state", "failed") == 0


def test_metrics_are_the_ledger(client: Any) -> None:
    builders.case()
    builders.settled()
    broken()
    builders.report()
    text = client.get("/metrics").content.decode()
    values = dict(re.findall(r'^unmigratable_reports\{state="(\w+)"\} ([\d.]+)$', text, re.MULTILINE))
    assert values == {"settled": "1.0", "rejected": "0.0", "failed": "1.0", "erased": "0.0", "pending": "1.0"}
    assert "unmigratable_reports_received 3.0" in text and "unmigratable_oldest_pending_seconds" in text


def test_every_list_of_reports_takes_the_same_queries(django_assert_max_num_queries: Any, maintainer: User) -> None:
    for _ in range(3):
        broken()
    with django_assert_max_num_queries(5):
        assert Client().get("/reports/?state=failed&format=unmigratable-report&since=2020-01-01").status_code == 200


def test_of_what_is_taken_down_nothing_is_shown_that_proves_what_it_was(maintainer: User) -> None:
    shared = Shared.objects.create(
        release="6.1-customer", architecture="x86_64", environment="host", note="NOTED", answer="ANSWERED",
        size_bytes=4, decided_at=timezone.now(), report=builders.settled(run_id="run-of-a-customer"),
    )  # fmt: skip
    report = shared.report
    assert report is not None
    own = f"/reports/{report.pk}/"
    paths = (own, f"/api/v1{own}", "/export/reports.ndjson", f"/shared/{shared.pk}/")
    secret = ("run-of-a-customer", report.sha256, "6.1-customer", "NOTED", "ANSWERED")

    def told() -> str:
        return "".join(as_(maintainer).get(path).getvalue().decode() for path in paths)  # type: ignore[attr-defined]

    assert secret[0] in told() and secret[1] in told() and secret[2] in told()
    takedown.erase(report, maintainer, "it named a customer")
    text = told()
    assert [word for word in secret if word in text] == []
    shared.refresh_from_db()
    assert (shared.note, shared.answer, shared.architecture) == ("", "", "")
