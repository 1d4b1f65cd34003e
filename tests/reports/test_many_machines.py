"""One sender for many machines, other tools' output in batches, and what would become of a report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from people.models import Machine, Scope
from reports.models import Report
from reports.worker import ingest
from tests import builders

pytestmark = pytest.mark.django_db
BOTH = [Scope.SUBMIT, Scope.SUBMIT_FOR]
KTAP = "KTAP version 1\n1..1\nnot ok 1 mm: migration\n"


@pytest.fixture
def farm() -> tuple[str, str]:
    """Secrets of a sender that may send for others, and of one that may not, of one owner with a machine more."""
    owner = builders.person("lab")
    builders.token("board-1", owner)
    builders.token("stranger", builders.person())
    return builders.token("farm", owner, scopes=BOTH), builders.token("alone", owner)


def post(path: str, body: bytes, secret: str, kind: str = "application/json", **headers: str) -> Any:
    return Client().post(path, body, kind, headers={"Authorization": f"Bearer {secret}", **headers})


@pytest.mark.parametrize("way", ["address", "report"])
def test_a_report_is_kept_as_of_the_machine_that_it_names(way: str, farm: tuple[str, str]) -> None:
    address = "/api/v1/reports/" + ("?machine=board-1" if way == "address" else "")
    body = builders.body(run_id="for-a-board", **({"machine": "board-1"} if way == "report" else {}))
    first, again = (post(address, body, farm[0]) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200) and first.json()["machine"] == "board-1"
    assert Report.objects.get().machine.name == "board-1"
    ingest.drain()
    assert Client().get("/api/v1/reports/?machine=board-1").json()["results"][0]["run_id"] == "for-a-board"


@pytest.mark.parametrize(("who", "machine"), [(0, "stranger"), (0, "nobody"), (1, "board-1"), (1, "stranger")])
def test_nobody_sends_for_a_machine_that_is_not_theirs(who: int, machine: str, farm: tuple[str, str]) -> None:
    for address, named in ((f"/api/v1/reports/?machine={machine}", {}), ("/api/v1/reports/", {"machine": machine})):
        answer = post(address, builders.body(**named), farm[who])
        assert (answer.status_code, answer.json()["code"]) == (403, "not-your-machine")
    line = builders.body(machine=machine)
    (told,) = post("/api/v1/reports/batch/", line, farm[who], "application/octet-stream").json()["results"]
    assert told["status"] == 403 and Report.objects.filter(machine__name=machine).count() == 0


def test_a_machine_may_name_itself(farm: tuple[str, str]) -> None:
    assert post("/api/v1/reports/?machine=alone", builders.body(), farm[1]).status_code == 202


def test_a_batch_holds_many_machines_and_what_other_tools_printed(farm: tuple[str, str]) -> None:
    wrapped = {"format": "ktap", "kernel": "6.18.44", "architecture": "x86_64", "body": KTAP}
    lines = [
        builders.envelope(run_id="native-01"),
        builders.envelope(run_id="native-02", machine="board-1"),
        {**wrapped, "run_id": "ktap-0001", "machine": "board-1", "label": "v3"},
        {**wrapped, "run_id": "ktap-0002", "format": "kernel-log", "body": "no such page"},
        {**wrapped, "run_id": "ktap-0003", "format": "no-such"},
        {**wrapped, "run_id": "ktap-0004", "kernl": "x"},
        {**wrapped, "run_id": "ktap-0005", "kernel": "\u0007"},
        {**wrapped},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    first = post("/api/v1/reports/batch/", body, farm[0], "application/octet-stream")
    assert first.status_code == 207
    assert [one["status"] for one in first.json()["results"]] == [202, 202, 202, 202, 422, 422, 422, 422]
    codes = [one["problem"]["code"] for one in first.json()["results"] if "problem" in one]
    assert codes == ["wrong-shape", "wrong-shape", "bad-parameter", "no-run-id"]
    again = post("/api/v1/batch/", body, farm[0], "application/x-ndjson")
    assert [json.loads(line)["status"] for line in again.content.splitlines()][:4] == [200] * 4
    assert Report.objects.get(run_id="ktap-0001").given["label"] == "v3"
    kept = Report.objects.exclude(state="rejected").values_list("run_id", "machine__name")
    assert dict(kept) == {"native-01": "farm", "native-02": "board-1", "ktap-0001": "board-1", "ktap-0002": "farm"}


def test_what_would_become_of_a_report_keeps_nothing_and_says_the_same(farm: tuple[str, str]) -> None:
    builders.case()
    body = builders.body(builders.run(), builders.run("unheard-of"), run_id="tried-first")
    tried = post("/api/v1/reports/?dry_run=1", body, farm[1])
    assert tried.status_code == 200 and not Report.objects.exists()
    told = tried.json()
    assert (told["would"], told["nr_observations"], told["nr_unmatched"]) == (202, 2, 1)
    assert [one["cases"] for one in told["results"]] == [["fuse-writeback"], []]
    sent = post("/api/v1/reports/", body, farm[1])
    ingest.drain()
    whole = Client().get(f"/api/v1/reports/{sent.json()['id']}/").json()
    assert [one["case"] for one in whole["evidence"]] == ["fuse-writeback"] and whole["nr_unmatched"] == 1
    assert post("/api/v1/reports/?dry_run=1", body, farm[1]).json()["report"] == sent.json()["id"]


def test_a_dry_run_refuses_what_would_be_refused_and_counts_against_the_limit(
    farm: tuple[str, str], settings: Any
) -> None:
    settings.LIMITS = {"send": (3, 3_600)}
    for body in (b"{}", b"x", b"\xff"):
        answer = post("/api/v1/reports/?dry_run=1", body, farm[1])
        assert answer.status_code == 422 and not Report.objects.exists()
    assert post("/api/v1/reports/?dry_run=1", builders.body(), farm[1]).status_code == 429


def test_a_parameter_that_does_not_exist_is_no_label(farm: tuple[str, str]) -> None:
    address = "/api/v1/reports/ktap/?kernel=6.18.44&architecture=x86_64"
    answer = post(f"{address}&lable=v3", KTAP.encode(), farm[1], "application/octet-stream", **{"Run-Id": "typo-0001"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-parameter")
    sent = post(f"{address}&label=v3", KTAP.encode(), farm[1], "application/octet-stream", **{"Run-Id": "typo-0001"})
    assert sent.status_code == 202 and sent.json()["format"] == "ktap"


def test_only_new_machines_of_a_sender_are_bounded(farm: tuple[str, str]) -> None:
    """Its own standing is no word for the others."""
    Machine.objects.filter(name="board-1").update(standing="new")
    sent = post("/api/v1/reports/?machine=board-1", builders.body(run_id="new-board1"), farm[0])
    ingest.drain()
    evidence = Client().get(f"/api/v1/reports/{sent.json()['id']}/").json()
    assert sent.status_code == 202 and evidence["machine"] == "board-1"
