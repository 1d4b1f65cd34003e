"""KCIDB 5.x: which tests it tells of, on which kernel, and what is wrong with a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnosis.formats import kcidb, kernel_log
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given
from diagnosis.matching.observation import Context

NOTHING = Given()


def document(**changed: Any) -> dict[str, Any]:
    return {
        "version": {"major": 5, "minor": 3},
        "checkouts": [{"id": "lab:c1", "origin": "lab", "git_commit_name": "v7.1-rc2-14-gabc", "patchset_hash": ""}],
        "builds": [{"id": "lab:b1", "origin": "lab", "checkout_id": "lab:c1", "architecture": "x86_64"}],
        "tests": [test("lab:t1", "kselftest.mm.cow", "FAIL"), test("lab:t2", "ltp.syscalls.move_pages01", "PASS")],
        **changed,
    }


def test(name: str, path: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "origin": "lab", "build_id": "lab:b1", "path": path, "status": status, **more}


test.__test__ = False  # type: ignore[attr-defined]


def body(**changed: Any) -> bytes:
    return json.dumps(document(**changed)).encode()


def test_tests_are_told_with_the_kernel_of_their_checkout() -> None:
    first, second = kcidb.observations(body(), NOTHING)
    assert (first.key, first.names, first.outcome) == ("/tests/0", "kselftest.mm.cow", "failed")
    assert (first.release, first.architecture, first.label) == ("7.1-rc2-14-gabc", "x86_64", "")
    assert (second.names, second.outcome) == ("ltp.syscalls.move_pages01", "passed")


def test_a_patched_checkout_is_a_labelled_build() -> None:
    patched = document()["checkouts"][0] | {"patchset_hash": "a" * 64}
    assert {one.label for one in kcidb.observations(body(checkouts=[patched]), NOTHING)} == {"patchset aaaaaaaaaaaa"}


def test_the_request_may_say_the_kernel() -> None:
    given = Given(kernel="7.1.3", architecture="arm64", label="fix v2")
    (one, _) = kcidb.observations(body(checkouts=[], builds=[]), given)
    assert (one.release, one.architecture, one.label) == ("7.1.3", "arm64", "fix v2")


@pytest.mark.parametrize(("status", "outcome"), list(kcidb.OUTCOMES.items()))
def test_every_status_has_its_outcome(status: str, outcome: str) -> None:
    (one,) = kcidb.observations(body(tests=[test("lab:t1", "a", status)]), NOTHING)
    assert one.outcome == outcome


def test_summaries_without_path_or_status_and_unknown_fields_are_passed_over() -> None:
    tests = [test("lab:t1", "", "PASS"), test("lab:t2", "a", "PASS", misc={"deep": [1]}, _timestamp="x")]
    del tests[1]["status"]
    assert kcidb.observations(body(tests=tests, issues=[{"id": "x"}]), NOTHING) == []


def test_the_same_message_is_the_same_run_and_a_status_that_comes_later_is_another() -> None:
    turned = json.dumps(dict(reversed(document().items())), indent=1).encode()
    assert kcidb.check(body(), NOTHING) == kcidb.run_id(turned, NOTHING)
    started = [{**one, "status": "PASS"} for one in document()["tests"]]
    assert kcidb.check(body(), NOTHING) != kcidb.run_id(body(tests=started), NOTHING)


@pytest.mark.parametrize("lists", [{}, {"tests": []}, {"builds": [], "tests": []}, {"checkouts": [], "builds": []}])
def test_any_list_may_be_left_out_or_empty(lists: dict[str, Any]) -> None:
    assert kcidb.check(json.dumps({"version": {"major": 5, "minor": 3}, **lists}).encode(), NOTHING)
    assert kcidb.observations(json.dumps({"version": {"major": 5}, **lists}).encode(), NOTHING) == []


def codes(**changed: Any) -> list[tuple[str, int]]:
    return [(note.code, note.number) for note in kcidb.notes(body(**changed), NOTHING)]


def test_it_is_told_why_tests_became_no_observation() -> None:
    unfinished = {name: value for name, value in document()["tests"][0].items() if name != "status"}
    assert codes() == []
    assert codes(tests=[]) == [("kept-for-tests", 1)]
    assert codes(builds=[]) == [("waits-for-build", 2)]
    assert codes(tests=[unfinished, document()["tests"][1]]) == [("not-done", 1)]
    exported = [test("lab:t1", "a", "FAIL", misc=kcidb.EXPORTED_BY), test("unmigratable:t2", "a", "FAIL")]
    assert codes(tests=exported) == [("exported", 2)]
    assert kcidb.observations(body(tests=exported), NOTHING) == []
    assert all(note.sentence for note in kcidb.notes(body(tests=exported), NOTHING))


def test_a_hash_alone_is_the_kernel() -> None:
    commit = "4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e"
    checkout = {"id": "lab:c1", "origin": "lab", "git_commit_hash": commit}
    assert {one.release for one in kcidb.observations(body(checkouts=[checkout]), NOTHING)} == {commit}


def test_one_id_twice_in_a_message_is_one_test_with_all_that_was_said() -> None:
    started = {"id": "lab:t1", "origin": "lab", "build_id": "lab:b1", "path": "kselftest.mm.cow"}
    (one,) = kcidb.observations(body(tests=[started, test("lab:t1", "kselftest.mm.cow", "FAIL")]), NOTHING)
    assert (one.key, one.outcome) == ("/tests/0", "failed")


DUMP = (Path(__file__).parent / "captures" / "unmovable-offline-6.1.0-50.txt").read_text()[:12_000]


def test_an_excerpt_is_read_as_the_log_that_it_is() -> None:
    told = test("lab:t1", "a", "FAIL", log_excerpt=DUMP, start_time="2025-05-22T03:29:34+00:00")
    first, *logs = kcidb.observations(body(tests=[told]), NOTHING)
    assert (first.kind, first.seen_at) == ("test", told["start_time"])
    alone = kernel_log.observations(DUMP, Context("7.1-rc2-14-gabc", "", "x86_64", ""))
    assert [one.fingerprint for one in logs] == [one.fingerprint for one in alone] and alone
    assert {(one.kind, one.release, one.seen_at) for one in logs} == {("log", first.release, first.seen_at)}
    assert all(one.key.startswith("/tests/0/log_excerpt/line:") and len(one.key) <= 100 for one in logs)


@pytest.mark.parametrize(
    ("misc", "kept"),
    [({"job": [1]}, {"job": [1]}), ({"long": "x" * 5_000}, None), ({"n": float("inf")}, None), ({}, None)],
)
def test_what_its_sender_keeps_with_a_test_is_kept_where_it_is_short(misc: Any, kept: Any) -> None:
    told = json.dumps(document(tests=[test("lab:t1", "a", "FAIL", log_url="https://x/log", misc=misc)]))
    (one,) = kcidb.observations(told.replace("Infinity", "1e999").encode(), NOTHING)
    beside = json.loads(one.beside)
    assert (beside["id"], beside["log_url"], beside.get("misc")) == ("lab:t1", "https://x/log", kept)


@pytest.mark.parametrize(
    ("bad", "code", "where"),
    [
        (b"{", "not-json", "1:2"),
        (body(version={"major": 4}), "wrong-shape", "/version/major"),
        (body(tests=[test("nocolon", "a", "PASS")]), "wrong-shape", "/tests/0/id"),
        (body(tests=[test("lab:t1", "a b", "PASS")]), "wrong-shape", "/tests/0/path"),
        (body(tests=[test("lab:t1", "a", "GREEN")]), "wrong-shape", "/tests/0/status"),
        (body(tests=[test("lab:t1", "a", "PASS", start_time="yesterday")]), "wrong-shape", "/tests/0/start_time"),
        (body(tests=[test("lab:t1", "a", "PASS", log_excerpt=1)]), "wrong-shape", "/tests/0/log_excerpt"),
        (body(tests=[test("lab:t1", "a", "PASS", misc=[])]), "wrong-shape", "/tests/0/misc"),
        (body(tests={}), "wrong-shape", "/tests"),
        (body(tests=[{"id": "lab:t1"}]), "wrong-shape", "/tests/0/build_id"),
    ],
)
def test_a_bad_document_says_where(bad: bytes, code: str, where: str) -> None:
    with pytest.raises(Unreadable) as error:
        kcidb.check(bad, NOTHING)
    assert error.value.code == code
    assert where in {fault.where for fault in error.value.faults}
