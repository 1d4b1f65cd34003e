"""JUnit XML: what its testcases say, and what a hostile one costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.formats.faults import Unreadable
from diagnosis.formats.format import Given
from reports.intake.formats import junit, registry
from tests import cpu

GIVEN = Given("6.15.3", "x86_64", "", "guest")
XML = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="ltp.syscalls" timestamp="2025-05-22T03:29:34Z">
    <properties><property name="a" value="b"/></properties>
    <testcase classname="ltp.syscalls" name="move_pages12"><failure message="it failed">%s</failure></testcase>
    <testcase classname="other" name="passes" time="1"/>
    <testcase name="skips"><skipped/></testcase>
    <testcase name="breaks" timestamp="2025-05-23T00:00:00Z"><error message="why"/><system-out>x</system-out></testcase>
  </testsuite>
</testsuites>"""
DUMP = (Path(__file__).parents[1] / "diagnosis" / "captures" / "unmovable-offline-6.1.0-50.txt").read_text()


def test_each_testcase_is_a_test() -> None:
    rows = [(one.key, one.names, one.outcome, one.seen_at) for one in junit.observations((XML % "").encode(), GIVEN)]
    assert rows == [
        ("testcase:1", "ltp.syscalls.move_pages12", "failed", "2025-05-22T03:29:34Z"),
        ("testcase:2", "ltp.syscalls.other.passes", "passed", "2025-05-22T03:29:34Z"),
        ("testcase:3", "ltp.syscalls.skips", "skipped", "2025-05-22T03:29:34Z"),
        ("testcase:4", "ltp.syscalls.breaks", "error", "2025-05-23T00:00:00Z"),
    ]


def test_what_a_failed_testcase_printed_is_read_as_a_log() -> None:
    made = junit.observations((XML % f"<![CDATA[{DUMP}]]>").encode(), GIVEN)
    logs = [one for one in made if one.kind == "log"]
    assert logs and all(one.key.startswith("testcase:1/line:") for one in logs)
    assert {one.release for one in logs} == {"6.15.3"}


def test_one_suite_alone_and_a_namespace_are_read_too() -> None:
    (one,) = junit.results(b'<testsuite xmlns="urn:x" name="s"><testcase name="t"/></testsuite>')
    assert (one.name, one.outcome) == ("s.t", "passed")


BOMB = b"""<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
OUTSIDE = b"""<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="t"/>&a;</testsuite>"""
DTD = b"""<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:1/x.dtd"><testsuite><testcase name="t"/></testsuite>"""


@pytest.mark.parametrize(
    "body",
    [
        *(BOMB, OUTSIDE, DTD, b"", b"<", b"hello", b"<html/>", b"<testsuites/>", b"<testsuite><testcase name='a'>"),
        b"<testsuite>" + b"<a>" * 200_000,
        b"<testsuite>" + b"<testcase name='t'/>" * 5_002 + b"</testsuite>",
        b"\xff\xfe\x00<",
        b"<?xml version='1.0' encoding='cp1252'?><html/>",
    ],
)
def test_what_is_dangerous_or_no_junit_is_refused_at_once(body: bytes) -> None:
    with cpu.bounded(1), pytest.raises(Unreadable) as error:
        junit.FORMAT.check(body, GIVEN)
    assert error.value.code == "not-junit" and error.value.faults


@pytest.mark.parametrize(
    "body",
    [
        b"<testsuite name='" + b"a." * 500_000 + b"'><testcase name='t'/></testsuite>",
        b"<testsuite><testcase name='t'><failure>" + b"x" * 1_000_000 + b"</failure></testcase></testsuite>",
        b"<testsuite><testcase " + b" ".join(b"a%d=''" % n for n in range(90_000)) + b"/></testsuite>",
        b"<testsuite><testcase>" + b"<failure/>" * 100_000 + b"</testcase></testsuite>",
    ],
)
def test_a_large_one_takes_no_endless_time_and_no_endless_name(body: bytes) -> None:
    with cpu.bounded(2):
        (one,) = (made for made in junit.observations(body, GIVEN) if made.kind == "test")
    assert len(one.names) <= 200


def test_an_unknown_encoding_is_refused_and_not_failed() -> None:
    with pytest.raises(Unreadable):
        junit.results(b"<?xml version='1.0' encoding='no-such'?><testsuite><testcase name='t'/></testsuite>")


def test_it_is_among_the_formats_of_the_site() -> None:
    assert registry.of("application/junit+xml") is junit.FORMAT
