"""A text that takes longer than its size gives it: its sender is told, nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from diagnosis.formats.format import Given
from people.models import Machine
from reports.intake import inbox, submission
from reports.models import Report, State
from reports.worker import ingest
from rest.bounds import bounded
from tests import builders

pytestmark = pytest.mark.django_db
# Honest work, and more of it than the second that is left below: 500,000 escapes are undone one by one.
LINE = '"msg": "page: ' + "\\\\" * 4_000 + "\n"
SLOW = LINE * ((1 << 20) // len(LINE))


@pytest.fixture(autouse=True)
def a_second_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", 0)
    monkeypatch.setattr(bounded, "SECONDS_PER_MIB", 0)
    while bounded._pool.idle:  # what a helper used before counts towards the next whole second
        bounded._pool.idle.pop().end()


def log(machine: Machine, text: str, run_id: str) -> Report:
    given = Given("6.18.1", "x86_64", "", "host")
    return inbox.take(
        submission.Sending(machine, text.encode(), "text/plain", run_id=run_id, format="kernel-log", given=given)
    )[0]


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
