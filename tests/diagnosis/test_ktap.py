"""KTAP as kselftest's runner and KUnit print it, and what is damaged in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.formats import ktap
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given

CAPTURES = Path(__file__).with_name("ktap")
HEAD = b"KTAP version 1\n1..1\n"


def said(body: bytes) -> list[tuple[str, str, str]]:
    return [(result.name, result.outcome, result.directive) for result in ktap.results(body)]


def test_kselftest_nests_by_hashes() -> None:
    assert said((CAPTURES / "kselftest.ktap").read_bytes()) == [
        ("mm.migration.private_anon", "passed", ""),
        ("mm.migration.shared_anon", "failed", ""),
        ("mm.migration.shared_anon_thp", "skipped", "SKIP"),
        ("mm.cow", "skipped", "SKIP"),
        ("mm.hmm-tests", "error", "TIMEOUT"),
    ]


def test_kunit_nests_by_spaces_inside_a_kernel_log() -> None:
    assert said((CAPTURES / "kunit.ktap").read_bytes()) == [
        ("example.params.one", "passed", ""),
        ("example.params.two", "failed", "XFAIL"),
        ("example.second", "failed", "TODO"),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"ok 1 a", ("a", "passed", "")),
        (b"ok 1 - a b", ("a.b", "passed", "")),
        (b"ok", ("", "passed", "")),
        (b"not ok 1 a", ("a", "failed", "")),
        (b"not ok 1 a # exit=1", ("a", "failed", "")),
        (b"ok 1 a # SKIP why", ("a", "skipped", "SKIP")),
        (b"not ok 1 a # skip", ("a", "skipped", "SKIP")),
        (b"ok 1 a # XFAIL known", ("a", "failed", "XFAIL")),
        (b"not ok 1 a # TODO later", ("a", "failed", "TODO")),
        (b"ok 1 a # TODO later", ("a", "passed", "TODO")),
        (b"not ok 1 a # TIMEOUT 45 seconds", ("a", "error", "TIMEOUT")),
        (b"ok 1 a # SKIPPED is another word", ("a", "passed", "")),
        (b"ok 1 selftests: mm: cow", ("mm.cow", "passed", "")),
        ("ok 1 a\u202eb\x00c".encode(), ("a\ufffdb\ufffdc", "passed", "")),
        (b"ok 1 a\xff", ("a\ufffd", "passed", "")),
    ],
)
def test_a_result_line(line: bytes, expected: tuple[str, str, str]) -> None:
    assert said(HEAD + line + b"\n") == [expected]


def test_a_whole_plan_may_be_skipped() -> None:
    assert said(b"TAP version 13\n1..0 # SKIP no nodes\n") == [("", "skipped", "SKIP")]


def test_a_result_with_results_of_its_own_is_not_counted_twice() -> None:
    nested = b"KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 a\n  ok 2 b\nok 1 suite\n"
    assert said(nested) == [("suite.a", "passed", ""), ("suite.b", "passed", "")]


@pytest.mark.parametrize("step", [b"  ", b"    ", b"\t", b"# "])
def test_three_levels_whatever_they_are_indented_by(step: bytes) -> None:
    lines = [b"KTAP version 1", b"1..1"]
    lines += [step + line for line in (b"KTAP version 1", b"1..1")]
    lines += [step * 2 + line for line in (b"KTAP version 1", b"1..1", b"ok 1 c")]
    body = b"\n".join([*lines, step + b"ok 1 b", b"ok 1 a", b""])
    assert said(body) == [("a.b.c", "passed", "")]


def test_what_was_planned_and_did_not_come_is_one_error() -> None:
    assert said(b"KTAP version 1\n1..3\nok 1 a\n") == [("a", "passed", ""), ("", "error", "")]


def test_output_that_ends_inside_a_test_keeps_what_came() -> None:
    cut = b"KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n"
    assert said(cut) == [("", "error", ""), ("a", "passed", ""), ("", "error", "")]


def test_plans_that_were_not_kept_at_one_line_have_keys_of_their_own() -> None:
    cut = b"KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n"
    assert [one.key for one in ktap.observations(cut, Given("6.18.44", "x86_64"))] == ["6:1", "5:1", "6:1/2"]


@pytest.mark.parametrize(
    ("body", "where", "expected"),
    [
        (b"", "1:1", "KTAP version 1"),
        (b"ok 1 a\n", "1:1", "KTAP version 1"),
        (b"KTAP version 1\n", "2:1", "at least one result"),
        (b"\x00\xff" * 1000, "1:1", "KTAP version 1"),
        (HEAD + b"ok\n" * 5_001, "5003:1", "up to 5000 results"),
        (b"".join(b" " * n + b"KTAP version 1\n" for n in range(20)), "13:1", "nested up to 12"),
    ],
)
def test_damaged_output_says_where(body: bytes, where: str, expected: str) -> None:
    with pytest.raises(Unreadable) as error:
        ktap.results(body)
    (fault,) = error.value.faults
    assert (error.value.code, fault.where) == ("not-ktap", where)
    assert expected in fault.expected


@pytest.mark.parametrize("filler", [b" ", b"#", b" #", b"ok ", b"[", b"\t# "])
def test_one_endless_line_takes_no_endless_time(filler: bytes) -> None:
    body = HEAD + filler * ((1 << 20) // len(filler)) + b"\nok 1 a\n"
    assert said(body)[-1][0] == "a"
    lines = (filler * 600)[:1_900] + b"\n"
    with_many = HEAD + lines * 500 + b"ok 1 a\n"
    assert ("a", "passed", "") in said(with_many)


def test_observations_carry_what_the_request_said_of_the_kernel() -> None:
    (one,) = ktap.observations(HEAD + b"not ok 1 selftests: mm: cow\n", Given("6.18.44", "x86_64", "fix v3", "guest"))
    assert (one.key, one.kind, one.names, one.outcome) == ("3:1", "test", "mm.cow", "failed")
    assert (one.release, one.label, one.architecture, one.environment) == ("6.18.44", "fix v3", "x86_64", "guest")


@pytest.mark.parametrize(
    "body",
    [
        b"KTAP version 1\n" + b"1..0 # SKIP\n" * 5_001,
        b"KTAP version 1\n1..2000\n" + (b"  1..9\n    1..9\n      1..9\nok 1 a\n") * 2_500,
    ],
)
def test_plans_make_no_more_results_than_results_do(body: bytes) -> None:
    with pytest.raises(Unreadable, match="up to 5000 results"):
        ktap.observations(body, Given("6.18.44", "x86_64"))
