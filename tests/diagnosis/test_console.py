"""A console's whole output: tests, page dumps and a panic in one text, each read; and what is none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnosis.formats import console, registry
from diagnosis.formats.format import Given

GIVEN = Given("6.15.3", "x86_64", "", "guest")
DUMP = (Path(__file__).parent / "captures" / "unmovable-offline-6.1.0-50.txt").read_text()
KTAP = "TAP version 13\n1..2\n# selftests: mm: cow\n# TAP version 13\n# 1..2\n# not ok 1 one\n"
LTP = "migrate_pages02.c:80: TFAIL: migrate_pages failed ret: -1, : EPERM (1)\n"
PANIC = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(98,0)\n"


def said(text: str) -> list[tuple[str, str, str]]:
    return [(one.kind, one.names, one.outcome) for one in console.observations(text.encode(), GIVEN)]


def test_tests_dumps_and_a_panic_of_one_text_are_each_an_observation() -> None:
    made = console.observations((KTAP + DUMP + "\n" + LTP + PANIC).encode(), GIVEN)
    names = [one.names for one in made if one.kind == "test"]
    assert names == ["", "mm.cow.one", "mm.cow", "ltp.migrate_pages02"]
    logs = [one.says for one in made if one.kind == "log"]
    assert len(logs) > 1 and logs[-1].startswith("The kernel panicked: VFS: Unable to mount root fs")
    assert len({one.key for one in made}) == len(made)
    assert {(one.release, one.environment) for one in made} == {("6.15.3", "guest")}


@pytest.mark.parametrize("text", ["", "hello\n", "ok 1 so they say\n", "[    0.000000] Booting Linux\n", "\x00" * 100])
def test_a_text_in_which_nothing_is_said_is_a_good_report(text: str) -> None:
    assert console.FORMAT.check(text.encode(), GIVEN) == "" and said(text) == []


def test_results_that_cannot_be_read_spoil_nothing_beside_them() -> None:
    too_many = "TAP version 13\n" + "ok\n" * 5_001
    assert said(too_many + PANIC) == [("log", "", "inconclusive")]


def test_panics_are_alike_but_for_their_numbers_and_no_more_than_some() -> None:
    two = console.observations(
        (PANIC + PANIC.replace("(98,0)", "(254,1)") + "Kernel panic - not syncing:").encode(), GIVEN
    )
    assert [one.fingerprint == two[0].fingerprint for one in two] == [True, True, False]
    assert [one.key for one in two] == ["panic:1", "panic:2", "panic:3"]
    assert len(said(PANIC * 1_000)) == 20


def test_a_list_of_lines_in_one_line_of_json_is_read_line_by_line() -> None:
    lines = [*KTAP.splitlines(), "# ok 2 two", "ok 1 selftests: mm: cow", "ok 2 selftests: mm: migration"]
    text = json.dumps([{"dt": "2025-05-22", "lvl": "target", "msg": line} for line in lines])
    (first, *others) = said(text)
    assert (first, len(others)) == (("test", "mm.cow.one", "failed"), 2)


def test_text_plain_is_a_consoles() -> None:
    assert registry.of("text/plain") is console.FORMAT


@pytest.mark.parametrize(
    "line", [LTP, "move_pages12.c:114: FAIL: move_pages failed: EINVAL\n", "<<<test_start>>>\ntag=a\n"]
)
def test_results_of_ltp_are_seen_however_they_are_written(line: str) -> None:
    assert [kind for kind, _, _ in said("some text\n" + line)] == ["test"]


@pytest.mark.parametrize(
    "line", ["mm/cma.c:114: FAIL\n", "migration.c:175:shared_anon:Expected 1 == 0\n", "a PASS: b\n"]
)
def test_what_only_looks_alike_is_no_result(line: str) -> None:
    assert said("some text\n" + line) == []
