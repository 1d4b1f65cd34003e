"""A text that takes longer than its size gives it: its sender is told, nobody else notices."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import Client

from diagnosis.formats.format import Given
from people.models import Machine
from reports.intake import inbox, submission
from reports.models import Report, State, Turn
from reports.worker import claims, ingest, replay
from rest.bounds import bounded
from tests import builders

pytestmark = pytest.mark.django_db
# Honest work, and more of it than the tenth of a second that is left below: 500,000 escapes are undone one by one.
LINE = '"msg": "page: ' + "\\\\" * 4_000 + "\n"
SLOW = LINE * ((1 << 20) // len(LINE))


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0.1)
    monkeypatch.setattr(bounded, "SECONDS_PER_MIB", 0)
    while bounded._pool.idle:  # one that was started already would serve where none can be started
        bounded._pool.idle.pop().end()


def log(machine: Machine, text: str, run_id: str) -> Report:
    given = Given("6.18.1", "x86_64", "", "host")
    return inbox.take(
        submission.Sending(machine, text.encode(), "text/plain", run_id=run_id, format="kernel-log", given=given)
    )[0]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("path", "sent", "accept"),
    [
        ("/diagnose/", {"data": SLOW, "content_type": "text/plain"}, "*/*"),
        ("/diagnose/", {"data": {"text": SLOW}}, "text/html"),
        ("/diagnose/share/", {"data": {"text": SLOW}}, "text/html"),
        ("/api/v1/diagnose/", {"data": SLOW, "content_type": "text/plain"}, "*/*"),
    ],
)
def test_its_sender_is_told(path: str, sent: dict[str, Any], accept: str) -> None:
    answer = Client().post(path, **sent, headers={"Accept": accept})
    assert answer.status_code == 422 and "takes too long" in answer.content.decode()
    if path.startswith("/api/"):
        assert answer.json()["code"] == "too-slow"


def test_such_a_report_is_rejected_at_its_first_attempt_and_those_beside_it_are_read() -> None:
    builders.case()
    box = builders.machine()
    slow, good = log(box, SLOW, "run-00001"), [builders.report(sender=box) for _ in range(3)]
    ingest.drain()
    slow.refresh_from_db()
    assert (slow.state, slow.attempts) == (State.REJECTED, 1)
    assert slow.reason is not None and slow.reason["code"] == "too-slow"
    assert set(Report.objects.filter(pk__in=[one.pk for one in good]).values_list("state", "attempts")) == {
        ("settled", 1)
    }
    assert Client().get(f"/reports/{slow.pk}/").status_code == 200


def test_a_stored_text_that_is_too_slow_to_show_is_left_out_and_not_tried_again() -> None:
    box = builders.machine()
    report = log(box, SLOW, "run-00001")
    Report.objects.filter(pk=report.pk).update(state=State.SETTLED, settled_at=report.received_at)
    assert Client().get(f"/reports/{report.pk}/").status_code == 200
    helpers = list(bounded._pool.idle)
    assert Client().get(f"/reports/{report.pk}/").status_code == 200 and bounded._pool.idle == helpers


LARGE = "[ 1.0] a line of no meaning\n" * 1_000


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """With time enough again, and none waiting; `helpers.setattr(sys, "executable", …)` decides what is started."""
    monkeypatch.setattr(bounded, "SECONDS", 2)
    return monkeypatch


def test_reports_wait_while_no_helper_can_be_started(helpers: pytest.MonkeyPatch) -> None:
    report = log(builders.machine(), LARGE, "run-00001")
    with helpers.context() as none:
        none.setattr(sys, "executable", "/nowhere")
        for _ in range(claims.MAX_ATTEMPTS + 1):
            with pytest.raises(bounded.Lost):
                ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.attempts, report.turn) == (State.RECEIVED, 0, Turn.FRESH)
    ingest.drain()
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.SETTLED, 1)


def test_what_ends_its_helper_each_time_is_given_up_and_can_be_read_again(helpers: pytest.MonkeyPatch) -> None:
    box = builders.machine()
    reports = [log(box, LARGE, f"run-0000{n}") for n in range(2)]
    with helpers.context() as none:
        none.setattr(sys, "executable", "/bin/false")
        for _ in range(1 + 2 * (claims.MAX_ATTEMPTS - 1)):  # together, and then each for itself
            with pytest.raises(bounded.Lost):
                ingest.drain()
    for report in reports:
        report.refresh_from_db()
        assert (report.state, report.attempts) == (State.FAILED, claims.MAX_ATTEMPTS)
        assert "the helper ended with 1" in report.traceback
    assert replay.again(Report.objects.all()) == 2
    ingest.drain()
    assert set(Report.objects.values_list("state", flat=True)) == {State.SETTLED}


@pytest.mark.parametrize("path", ["/diagnose/", "/api/v1/diagnose/"])
@pytest.mark.parametrize("program", ["/nowhere", "/bin/false"])
def test_who_asks_meanwhile_is_told_to_ask_again(helpers: pytest.MonkeyPatch, path: str, program: str) -> None:
    helpers.setattr(sys, "executable", program)
    client = Client(raise_request_exception=False)
    answer = client.post(path, LARGE, content_type="text/plain", headers={"Accept": "*/*"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
