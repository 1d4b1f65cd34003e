"""KCIDB 5.x: which tests it tells of, on which kernel, and what is wrong with a bad one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diagnosis.formats import kcidb
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given

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


def test_the_same_tests_are_the_same_run() -> None:
    turned = body(tests=list(reversed(document()["tests"])))
    assert kcidb.check(body(), NOTHING) == kcidb.check(turned, NOTHING)
    assert kcidb.check(body(), NOTHING) != kcidb.check(body(tests=document()["tests"][:1]), NOTHING)


@pytest.mark.parametrize(
    ("bad", "code", "where"),
    [
        (b"{", "not-json", "1:2"),
        (body(version={"major": 4}), "wrong-shape", "/version/major"),
        (body(tests=[]), "wrong-shape", "/tests"),
        (body(tests=[test("nocolon", "a", "PASS")]), "wrong-shape", "/tests/0/id"),
        (body(tests=[test("lab:t1", "a b", "PASS")]), "wrong-shape", "/tests/0/path"),
        (body(tests=[test("lab:t1", "a", "GREEN")]), "wrong-shape", "/tests/0/status"),
        (body(tests=[test("lab:t1", "a", "PASS")] * 2), "contradiction", "/tests/1/id"),
        (body(builds=[]), "contradiction", "/tests/0/build_id"),
        (body(checkouts=[]), "contradiction", "/tests/0/build_id"),
        (body(tests=[{"id": "lab:t1"}]), "wrong-shape", "/tests/0/build_id"),
    ],
)
def test_a_bad_document_says_where(bad: bytes, code: str, where: str) -> None:
    with pytest.raises(Unreadable) as error:
        kcidb.check(bad, NOTHING)
    assert error.value.code == code
    assert where in {fault.where for fault in error.value.faults}
