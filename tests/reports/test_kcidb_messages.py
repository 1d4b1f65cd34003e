"""KCIDB in several messages, as farms send it: objects are merged by id, in whatever order the messages are read."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.test import Client

from catalog.models import Tally
from diagnosis.matching import match
from people.models import Machine
from reports.intake import inbox
from reports.intake.submission import Sending
from reports.models import Evidence, KcidbObject, Observation, Report, State
from reports.review import takedown
from reports.worker import claims, ingest, kcidb_objects, replay
from reports.worker.known_signatures import known_signatures
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
MEDIA_TYPE = "application/vnd.kcidb+json"
CHECKOUT = {"id": "lab:c9", "origin": "lab", "git_commit_name": "v6.15-rc7-7-g4a95bc121ccd"}
BUILD = {"id": "lab:b9", "origin": "lab", "checkout_id": "lab:c9", "architecture": "arm64"}
STARTED = {"id": "lab:t9", "origin": "lab", "build_id": "lab:b9", "path": "kselftest.mm.cow"}
TEST = {**STARTED, "status": "FAIL"}
KERNEL = "6.15.0-rc7-00007-g4a95bc121ccd"


def message(*tests: Any, builds: Any = (), checkouts: Any = ()) -> bytes:
    lists = {"checkouts": list(checkouts), "builds": list(builds), "tests": list(tests)}
    return json.dumps({"version": {"major": 5, "minor": 3}, **{kind: of for kind, of in lists.items() if of}}).encode()


@pytest.fixture
def box() -> Machine:
    builders.case(signature={"names": ["mm.cow"]})
    return builders.machine()


def send(machine: Machine, body: bytes) -> Report:
    return inbox.take(Sending(machine, body, MEDIA_TYPE))[0]


def counted() -> list[tuple[str, str, str, int]]:
    rows = Tally.objects.values_list("build__release", "architecture", "outcome", "runs")
    return sorted(rows)


ONCE = [(KERNEL, "aarch64", "failed", 1)]
MESSAGES = (message(TEST), message(builds=[BUILD]), message(checkouts=[CHECKOUT]))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("at_a_time", [1, 3])
def test_a_test_its_build_and_its_checkout_meet_in_any_order(box: Machine, order: Any, at_a_time: int) -> None:
    for number, which in enumerate(order, 1):
        send(box, MESSAGES[which])
        if number % at_a_time == 0:
            ingest.drain()
    assert counted() == ONCE
    assert Evidence.objects.get().report.nr_observations == 1
    assert set(Report.objects.values_list("state", flat=True)) == {State.SETTLED}


def test_a_test_waits_for_its_build_and_its_receipt_says_so(box: Machine) -> None:
    report = send(box, message(TEST))
    ingest.drain()
    receipt = Client().get(f"/api/v1/reports/{report.pk}/").json()
    assert (receipt["state"], receipt["nr_observations"]) == ("settled", 0)
    assert [note["code"] for note in receipt["notes"]] == ["waits-for-build"]
    assert receipt["notes"][0]["says"] in Client().get(f"/reports/{report.pk}/").content.decode()
    send(box, message(builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    receipt = Client().get(f"/api/v1/reports/{report.pk}/").json()
    assert (receipt["nr_observations"], receipt.get("notes")) == (1, None)


@pytest.mark.parametrize("are_read_backwards", [False, True])
def test_a_status_that_comes_later_counts_once_whichever_is_read_first(box: Machine, are_read_backwards: bool) -> None:
    head = {"builds": [BUILD], "checkouts": [CHECKOUT]}
    bodies = [message(STARTED, **head), message({**TEST, "status": "PASS"}, **head), message(TEST, **head)]
    sent = [send(box, body) for body in bodies]
    if are_read_backwards:
        for number, report in enumerate(reversed(sent)):
            Report.objects.filter(pk=report.pk).update(received_at=datetime(2026, 1, 1 + number, tzinfo=UTC))
    for report in sorted(sent, key=lambda one: Report.objects.get(pk=one.pk).received_at):
        Report.objects.exclude(pk=report.pk).filter(state=State.RECEIVED).update(state=State.FAILED)
        Report.objects.filter(pk=report.pk).update(state=State.RECEIVED)
        ingest.drain()
    ingest.drain()
    assert counted() == ONCE
    assert Evidence.objects.get().report_id == sent[-1].pk, "the word of the latest message stands"


def test_a_resubmission_may_add(box: Machine) -> None:
    send(box, message({**TEST, "log_url": "https://lab.example/1"}, builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    more = {"id": "lab:t9", "origin": "lab", "build_id": "lab:b9", "misc": {"job": 7}}
    send(box, message({**more, "start_time": "2025-05-22T03:29:34+00:00"}))
    ingest.drain()
    row, said = Evidence.objects.get(), Observation.objects.get()
    assert (counted(), row.seen_at) == (ONCE, datetime(2025, 5, 22, 3, 29, 34, tzinfo=UTC))
    assert said.beside == {"id": "lab:t9", "log_url": "https://lab.example/1", "misc": {"job": 7}}


def test_a_checkout_that_is_corrected_takes_its_tests_along(box: Machine) -> None:
    send(box, message(TEST, builds=[BUILD], checkouts=[{**CHECKOUT, "git_commit_name": "v6.14"}]))
    ingest.drain()
    assert counted() == [("6.14.0", "aarch64", "failed", 1)]
    send(box, message(checkouts=[CHECKOUT]))
    ingest.drain()
    assert counted() == ONCE


def test_saying_the_same_again_has_nothing_read_again(box: Machine) -> None:
    first = send(box, message(TEST, builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    settled_at = Report.objects.get(pk=first.pk).settled_at
    send(box, message({**TEST, "id": "lab:t10"}, builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    assert Report.objects.get(pk=first.pk).settled_at == settled_at
    assert counted() == [(KERNEL, "aarch64", "failed", 2)]


def test_reading_all_of_it_again_changes_nothing(box: Machine) -> None:
    for body in (*MESSAGES, message(STARTED, builds=[BUILD])):
        send(box, body)
        ingest.drain()
    before = list(KcidbObject.objects.order_by("name").values_list("name", "said", "by"))
    replay.again(Report.objects.all())
    ingest.drain()
    assert counted() == ONCE
    assert list(KcidbObject.objects.order_by("name").values_list("name", "said", "by")) == before


def test_what_another_person_says_of_the_same_id_is_of_another_object(box: Machine) -> None:
    send(box, message(TEST, builds=[BUILD], checkouts=[CHECKOUT]))
    stranger = builders.machine("stranger")
    send(stranger, message({**TEST, "status": "PASS"}, checkouts=[{**CHECKOUT, "git_commit_name": "v5.4"}]))
    ingest.drain()
    assert counted() == ONCE


def test_two_machines_of_one_person_tell_of_one_object(box: Machine) -> None:
    builders.token("other-box", owner=box.owner)
    send(Machine.objects.get(name="other-box"), message(TEST))
    send(box, message(builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    assert counted() == ONCE


def test_what_is_read_while_its_build_comes_is_not_settled_by_what_it_read(box: Machine) -> None:
    """The one worker has read the test, and the other settles the build before the first one writes."""
    report = send(box, message(TEST))
    claim_id, ids = claims.claim()
    known = known_signatures()
    reports = list(Report.objects.filter(id__in=ids).select_related("payload", "machine"))
    done = ingest.read(reports, known, kcidb_objects.filed(reports))
    send(box, message(builds=[BUILD], checkouts=[CHECKOUT]))
    ingest.drain()
    ingest._settle(claim_id, done, match.digest(known))
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.RECEIVED, 0)
    ingest.drain()
    assert counted() == ONCE


@pytest.mark.django_db(transaction=True)
def test_tests_and_builds_that_settle_at_the_same_time_in_two_workers_meet(box: Machine) -> None:
    for number in range(12):
        build, checkout = {**BUILD, "id": f"lab:b{number}"}, {**CHECKOUT, "id": f"lab:c{number}"}
        build["checkout_id"] = checkout["id"]
        bodies = [
            message({**TEST, "id": f"lab:{uuid.uuid4()}", "build_id": build["id"]}),
            message(builds=[build], checkouts=[checkout]),
        ]

        def work(body: bytes) -> None:
            send(box, body)
            ingest.drain()

        at_once(*(partial(work, body) for body in bodies))
    ingest.drain()
    assert counted() == [(KERNEL, "aarch64", "failed", 12)]
    assert set(Report.objects.values_list("state", flat=True)) == {State.SETTLED}


def test_taking_a_report_down_takes_its_words_out_of_the_objects(box: Machine) -> None:
    send(box, message(TEST, builds=[BUILD]))
    told = send(box, message(checkouts=[CHECKOUT]))
    ingest.drain()
    assert counted() == ONCE
    takedown.erase(Report.objects.get(pk=told.pk), builders.person(), "private")
    ingest.drain()
    assert counted() == []
    assert not KcidbObject.objects.filter(kind="checkouts").exists()


@pytest.mark.parametrize(
    ("start_time", "is_kept"),
    [
        ("2025-05-22T03:29:34+00:00", True),
        ("2025-05-22T03:29:34Z", True),
        ("1970-01-01T00:00:00Z", False),
        ("2999-01-01T00:00:00Z", False),
        ("2025-13-41T03:29:34Z", False),
        ("0001-01-01T00:00:00+23:59", False),
    ],
)
def test_when_it_was_seen_is_kept_within_what_can_be(box: Machine, start_time: str, is_kept: bool) -> None:
    send(box, message({**TEST, "start_time": start_time}, builds=[BUILD], checkouts=[CHECKOUT]))
    native = builders.report(builders.run("fuse-writeback", started_at=start_time), started_at="2025-01-01T00:00:00Z")
    ingest.drain()
    for row in Evidence.objects.select_related("report"):
        told = datetime.fromisoformat(start_time) if is_kept else row.report.received_at
        assert row.seen_at == told
    assert Evidence.objects.filter(report=native).count() == 1


def test_an_older_schema_is_upgraded(box: Machine) -> None:
    older = {
        "version": {"major": 4, "minor": 5},
        "checkouts": [CHECKOUT],
        "builds": [{**BUILD, "valid": True}],
        "tests": [{**TEST, "environment": {"comment": "board 7"}, "waived": False}],
    }
    send(box, json.dumps(older).encode())
    ingest.drain()
    assert counted() == ONCE
    report = Report.objects.get()
    assert json.loads(inbox.unpacked(report.payload)) == older, "its bytes are kept as they came"
