"""Schemas of KCIDB before 5, upgraded by kcidb-io."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diagnosis.formats import kcidb
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given
from reports.intake.formats import registry
from reports.intake.formats.older_kcidb import current

CHECKOUT = {"id": "lab:c1", "origin": "lab", "git_commit_name": "v6.15"}
BUILD = {"id": "lab:b1", "origin": "lab", "checkout_id": "lab:c1", "architecture": "x86_64"}
TEST = {"id": "lab:t1", "origin": "lab", "build_id": "lab:b1", "path": "kselftest.mm.cow", "status": "FAIL"}


def message(major: int, minor: int, **changed: Any) -> bytes:
    lists = {"checkouts": [CHECKOUT], "builds": [BUILD], "tests": [TEST], **changed}
    return json.dumps({"version": {"major": major, "minor": minor}, **lists}).encode()


@pytest.mark.parametrize("minor", range(6))
def test_every_schema_4_says_the_same(minor: int) -> None:
    (one,) = registry.FORMATS["kcidb"].observations(message(4, minor), Given())
    assert (one.names, one.outcome, one.release, one.architecture) == ("kselftest.mm.cow", "failed", "6.15", "x86_64")


def test_schema_3_had_revisions_in_place_of_checkouts() -> None:
    commit = "4a95bc121ccd8ba2a0a4ee3b2b4f7a9a0b1c2d3e"
    older = {
        "version": {"major": 3, "minor": 0},
        "revisions": [{"id": commit, "origin": "lab", "git_commit_hash": commit}],
        "builds": [{"id": "lab:b1", "origin": "lab", "revision_id": commit, "architecture": "x86_64"}],
        "tests": [TEST],
    }
    (one,) = registry.FORMATS["kcidb"].observations(json.dumps(older).encode(), Given())
    assert (one.release, one.outcome) == (commit, "failed")


@pytest.mark.parametrize("body", [message(5, 3), message(5, 0), message(5, 99)])
def test_what_is_of_schema_5_stays_as_it_is(body: bytes) -> None:
    assert current(body) is body


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (message(4, 5, tests=[{**TEST, "id": "nocolon"}]), "/tests/0/id"),
        (message(4, 5, tests=[{**TEST, "status": 7}]), "/tests/0/status"),
        (message(4, 5, tests=[TEST] * 5_001), "/tests"),
        (message(4, 5, builds=7), "/builds"),
        (message(4, 99), "/version"),
        (message(0, 1), "/version"),
        (message(-4, 1), "/version"),
        (message(6, 0), "/version/major"),
        (b'{"version": "5"}', "/version"),
        (b'{"version": []}', "/version"),
        (b"[]", ""),
        (b"{}", "/version"),
    ],
)
def test_a_bad_one_says_where(body: bytes, where: str) -> None:
    with pytest.raises(Unreadable) as error:
        registry.FORMATS["kcidb"].check(body, Given())
    assert where in {fault.where for fault in error.value.faults}


def test_the_pure_reader_takes_schema_5_alone() -> None:
    with pytest.raises(Unreadable):
        kcidb.check(message(4, 5), Given())
