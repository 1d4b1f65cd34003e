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
        ("ok 1 a\u202eb\x00c".encode(), ("a\ufffdb.c", "passed", "")),
        (b"ok 1 a\xff", ("a\u00ff", "passed", "")),
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


RUN = """KTAP version 1
1..1
# selftests: mm: run_vmtests.sh
# # ------------------
# # running ./migration
# # ------------------
# # TAP version 13
# # 1..2
# # ok 1 migration.private_anon
# # not ok 2 migration.shared_anon
# not ok 1 migration # exit=1
not ok 1 selftests: mm: run_vmtests.sh # exit=1"""
SAID = [
    ("mm.run_vmtests.sh.migration.private_anon", "passed", ""),
    ("mm.run_vmtests.sh.migration.shared_anon", "failed", ""),
]
# What stands before each line of a console where it is kept.
DRESSES = {
    "lava": "{n} 03:29:14.8065{n:02}  {line}",
    "lava-tabs": "{n} 03:29:14.8065{n:02} {line}",
    "avocado": "[stdlog] {line}",
    "avocado-with-time": "[stdlog] 2025-05-22 03:29:14,806 {line}",
    "github": "2025-05-22T03:29:14.8065020Z {line}",
    "gitlab": "2025-05-22T03:29:14.806502Z 00O {line}",
    "gitlab-going-on": "2025-05-22T03:29:14.806502Z 01O+{line}",
    "jenkins": "[2025-05-22T03:29:14.806Z] {line}",
    "serial": "[   49.6413{n:02}] {line}",
    "serial-with-caller": "[   49.6413{n:02}][    T1] {line}",
    "kmsg": "<6>[   49.6413{n:02}] {line}",
    "journal": "May 22 03:29:14 box kernel: {line}",
    "mail": "> {line}",
    "mail-of-mail": "> > {line}",
    "colours": "\x1b[0m{line}\x1b[0m",
    "lava-yaml": '- {{"dt": "2025-05-22T03:29:14", "lvl": "target", "msg": "{line}"}}',
    "windows": "{line}\r",
}


@pytest.mark.parametrize("dress", DRESSES)
def test_whatever_stands_before_each_line_is_taken_off(dress: str) -> None:
    lines = [DRESSES[dress].format(n=n, line=line) for n, line in enumerate(RUN.split("\n"), 10)]
    found = ktap.results("\n".join(lines).encode())
    assert [(one.name, one.outcome, one.directive) for one in found] == SAID
    assert [one.line for one in found] == [9, 10], "where it stands in what was sent"


@pytest.mark.parametrize("dress", DRESSES)
def test_nesting_by_blanks_survives_it(dress: str) -> None:
    text = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: inner\n    1..1\n    ok 1 a\nok 1 inner"
    lines = [DRESSES[dress].format(n=n, line=line) for n, line in enumerate(text.split("\n"), 10)]
    assert said("\n".join(lines).encode()) == [("inner.a", "passed", "")]


def test_a_mail_in_utf_16_is_read_too() -> None:
    assert said(("\ufeff" + RUN).encode("utf-16-le")) == SAID


CUT_KUNIT = b"""TAP version 14
1..2
\t# Subtest: whole
\t1..1
\tok 1 - a
ok 1 - whole
\t# Subtest: cut
\t1..3
\tok 1 - b
\tKernel panic - not syncing: VFS: Unable to mount root fs
"""
CUT_KUNIT_2 = b"""KTAP version 1
1..1
    KTAP version 1
    # Subtest: cut
    # module: kunit
    1..2
    ok 1 b
Kernel panic - not syncing
"""
CUT_KSELFTEST = b"""TAP version 13
1..3
# timeout set to 45
# selftests: mm: cow
# TAP version 13
# 1..1
# ok 1 one
ok 1 selftests: mm: cow
# selftests: mm: protection_keys_64
# TAP version 13
# 1..2
# ok 1 two
"""
CUT_VMTESTS = ("\n".join(RUN.split("\n")[4:-2]) + "\n").encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (CUT_KUNIT, [("whole.a", "passed"), ("cut.b", "passed"), ("cut", "error")]),
        (CUT_KUNIT_2, [("cut.b", "passed"), ("cut", "error")]),
        (
            CUT_KSELFTEST,
            [
                ("mm.cow.one", "passed"),
                ("", "error"),
                ("mm.protection_keys_64.two", "passed"),
                ("mm.protection_keys_64", "error"),
            ],
        ),
        (
            CUT_VMTESTS,
            [
                ("mm.run_vmtests.sh.migration.private_anon", "passed"),
                ("mm.run_vmtests.sh.migration.shared_anon", "failed"),
            ],
        ),
    ],
)
def test_a_run_that_was_cut_keeps_the_names_of_what_it_was_in(body: bytes, expected: list[tuple[str, str]]) -> None:
    assert sorted((name, outcome) for name, outcome, _ in said(body)) == sorted(expected)


def test_output_from_the_middle_of_run_vmtests_says_where_it_belongs() -> None:
    middle = "\n".join(RUN.split("\n")[4:-1])
    assert said(middle.encode()) == SAID
    elsewhere = middle.replace("running ./migration", "running migration")
    assert [name for name, _, _ in said(elsewhere.encode())] == ["migration.private_anon", "migration.shared_anon"]


def test_the_log_between_the_results_is_read_too() -> None:
    log = (CAPTURES.parent / "captures" / "unmovable-offline-6.1.0-50.txt").read_bytes()
    tests_and_logs = ktap.observations(RUN.encode() + b"\n" + log, Given("6.1.0-50-amd64", "x86_64"))
    kinds = [one.kind for one in tests_and_logs]
    assert kinds[:2] == ["test", "test"] and "log" in kinds
    assert len({one.key for one in tests_and_logs}) == len(tests_and_logs)
