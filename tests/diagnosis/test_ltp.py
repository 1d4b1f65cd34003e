"""LTP's own lines, runltp's log, kirk's JSON; and what is none of them."""

from __future__ import annotations

import json

import pytest

from diagnosis.formats import ltp
from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given

GIVEN = Given("6.16.0-rc2", "x86_64", "", "guest")


def block(tag: str, output: str, status: str | None = "exited termination_id=0") -> str:
    ended = f'<<<execution_status>>>\ninitiation_status="ok"\nduration=0 termination_type={status} corefile=no\n'
    head = f'<<<test_start>>>\ntag={tag} stime=1753707486\ncmdline="{tag}"\nanalysis=exit\n<<<test_output>>>\n'
    return head + output + (ended + "cutime=0 cstime=18\n<<<test_end>>>\n" if status else "")


def said(text: str) -> list[tuple[str, str]]:
    return [(one.name, one.outcome) for one in ltp.results(text.encode())]


PASSED = "migrate_pages02.c:125: TPASS: pid(6801) is on expected node: 1\n"
FAILED = "migrate_pages02.c:80: TFAIL: migrate_pages failed ret: -1, : EPERM (1)\n"
INFO = "tst_test.c:2004: TINFO: LTP version: 20250530\n"


@pytest.mark.parametrize(
    ("output", "status", "outcome"),
    [
        (INFO + PASSED, "exited termination_id=0", "passed"),
        (PASSED + FAILED, "exited termination_id=1", "failed"),
        (PASSED, "exited termination_id=1", "failed"),
        ("move_pages12.c:9: TBROK: mmap failed\n" + PASSED, "exited termination_id=2", "error"),
        ("tst_kconfig.c:9: TCONF: no NUMA\n", "exited termination_id=32", "skipped"),
        ("", "exited termination_id=32", "skipped"),
        ("", "exited termination_id=4", "inconclusive"),
        ("", "exited termination_id=127", "failed"),
        ("", "exited termination_id=64", "error"),
        ("", "exited termination_id=0", "passed"),
        (PASSED, "signaled termination_id=9", "error"),
        (PASSED, None, "error"),
        (FAILED, None, "failed"),
    ],
)
def test_a_test_of_runltps_log_has_one_outcome(output: str, status: str | None, outcome: str) -> None:
    assert said(block("migrate_pages02", output, status)) == [("migrate_pages02", outcome)]


def test_tests_come_in_their_order_under_the_names_of_their_tags() -> None:
    text = "Running tests.......\n" + block("a01", PASSED) + block("b-02", FAILED, "exited termination_id=1")
    assert said(text + block("c03", "", None)) == [("a01", "passed"), ("b-02", "failed"), ("c03", "error")]


def test_without_tags_a_test_is_called_as_its_source() -> None:
    text = INFO + "tst_test.c:9: TWARN: early\n" + PASSED + FAILED + "tst_test.c:9: TPASS: late\n"
    text += "move_pages12.c:114: FAIL: move_pages failed: EINVAL\nmove_pages04    1  TPASS  :  move_pages04.c:142: ok\n"
    assert said(text) == [("migrate_pages02", "failed"), ("move_pages12", "failed"), ("move_pages04", "passed")]
    assert [one.line for one in ltp.results(text.encode())] == [3, 6, 7]


@pytest.mark.parametrize("lead", ["[   49.641309] ", "11193 03:29:14.806502  ", "[stdlog] ", "> ", "<6>[ 1.000000] "])
def test_stamps_are_taken_off(lead: str) -> None:
    text = "".join(lead + line + "\n" for line in block("migrate_pages02", PASSED + FAILED).splitlines())
    assert said(text) == [("migrate_pages02", "failed")]


def kirk(*tests: tuple[str, str]) -> str:
    results = [{"test_fqn": name, "status": status, "test": {"command": name, "log": ""}} for name, status in tests]
    return json.dumps({"results": results, "stats": {"passed": 1}, "environment": {"kernel": "6.16", "arch": "x86_64"}})


def test_kirks_json_is_read_by_its_status() -> None:
    words = [("a", "pass"), ("b", "fail"), ("c", "brok"), ("d", "conf"), ("e", "warn")]
    outcomes = ["passed", "failed", "error", "skipped", "inconclusive"]
    assert [outcome for _, outcome in said(kirk(*words))] == outcomes


def test_observations_carry_the_kernel_and_a_name_that_cases_speak_of() -> None:
    (one,) = ltp.observations(block("migrate_pages02", FAILED).encode(), GIVEN)
    assert (one.key, one.kind, one.names, one.outcome) == ("ltp:1", "test", "ltp.migrate_pages02", "failed")
    assert (one.release, one.architecture, one.environment) == ("6.16.0-rc2", "x86_64", "guest")


def test_the_kernels_log_between_is_read_too() -> None:
    log = "[165435.492170] soft offline: 0x61c00 hugepage failed to isolate\n"
    kinds = [one.kind for one in ltp.observations((FAILED + "\nDmesg:\n------\n" + log).encode(), GIVEN)]
    assert kinds == ["test", "log"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-ltp"),
        (b"hello\n", "not-ltp"),
        (b"KTAP version 1\n1..1\nok 1 a\n", "not-ltp"),
        (b"{", "not-json"),
        (b'{"results": [{"test_fqn": "a", "status": "green"}]}', "wrong-shape"),
        (b'{"results": []}', "not-ltp"),
        (block("a", PASSED).encode() * 5_001, "not-ltp"),
    ],
)
def test_what_is_not_of_ltp_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as error:
        ltp.FORMAT.check(body, GIVEN)
    assert error.value.code == code


@pytest.mark.parametrize("filler", ["a.c:1: ", "tag=a ", "<<<", "TFAIL ", "a 1  ", "termination_type="])
def test_one_endless_line_takes_no_endless_time(filler: str) -> None:
    body = (filler * ((1 << 20) // len(filler)) + "\n" + FAILED).encode()
    assert ltp.results(body)[-1].outcome == "failed"
