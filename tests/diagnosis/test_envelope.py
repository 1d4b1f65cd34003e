"""The native report: what reads, what does not and why, and that nothing else ever comes out of reading."""

from __future__ import annotations

import copy
import json
import string
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.formats import envelope, redact
from diagnosis.formats.faults import Fault, Unreadable
from diagnosis.formats.format import Given
from diagnosis.words import vocabulary
from tests import builders

Change = Callable[[dict[str, Any]], Any]


def read(value: Any) -> envelope.Envelope:
    return envelope.read(json.dumps(value).encode())


def refused(change: Change) -> Unreadable:
    value = builders.envelope()
    read(value)
    change(value)
    with pytest.raises(Unreadable) as caught:
        read(value)
    return caught.value


def whole() -> dict[str, Any]:
    """A report that uses every optional field."""
    run = builders.run(
        migrate_mode="MIGRATE_SYNC",
        holder="unprivileged",
        started_at="2026-11-22T20:15:00.5+01:00",
        reason="As expected.",
        operation={"name": "offline", "before": True, "while_held": False, "after_release": True},
        blocked={"state": "D", "wchan": "folio_wait_bit_common", "stack": ["folio_wait_bit_common+0x13d/0x350"]},
        tries={"while_held": 1, "after_release": 2},
        vmstat={"compact_fail": -1},
        facts={"fuse": "7.3.4", "nr": 3, "quiet": True},
        log=["", "fuse: slow"],
    )
    kernel = {
        "release": "6.18.44",
        "architecture": "x86_64",
        "version": "#1 SMP",
        "label": "fix v3",
        "config": {"CONFIG_CMA": "y"},
        "sysctl": {"vm.compact_unevictable_allowed": 1},
        "cmdline": "quiet",
        "nr_nodes": 2,
    }
    probe = {"version": "1", "sha256": "0" * 64}
    return builders.envelope(run, kernel=kernel, probe=probe, started_at="2026-11-22T20:15:00Z")


def test_a_good_report_reads_into_its_runs() -> None:
    made = read(whole())
    assert (made.kernel.release, made.kernel.label, made.kernel.nr_nodes) == ("6.18.44", "fix v3", 2)
    assert (made.probe_version, made.environment, made.started_at) == ("1", "host", "2026-11-22T20:15:00Z")
    (run,) = made.runs
    assert (run.key, run.case, run.outcome) == ("/runs/0", "fuse-writeback", "hangs")


def test_what_is_not_known_is_absent_and_never_zero() -> None:
    made = read(builders.envelope(builders.run(freed_seconds=0)))
    assert (made.kernel.nr_nodes, made.kernel.label, made.started_at) == (None, "", "")
    plain = builders.run()
    plain.pop("freed_seconds")
    first, second = envelope.observations(read(builders.envelope(builders.run(freed_seconds=0), plain)))
    assert (first.freed_seconds, second.freed_seconds) == (0, None)


def test_an_observation_says_what_was_seen_and_where() -> None:
    first, second = envelope.observations(read(builders.envelope(builders.run(), builders.moving_run(mover="split"))))
    assert (first.key, first.names, first.outcome, first.mover) == ("/runs/0", "fuse-writeback", "hangs", "compaction")
    assert (first.release, first.architecture, first.environment) == ("6.18.44", "x86_64", "host")
    assert first.migrate_mode == "MIGRATE_SYNC", "taken from the mover where the run does not say"
    assert (second.key, second.migrate_mode) == ("/runs/1", ""), "a split asks for no migrate mode"
    assert first.fingerprint != second.fingerprint


def test_a_run_may_say_another_migrate_mode_than_its_mover() -> None:
    (seen,) = envelope.observations(read(builders.envelope(builders.run(migrate_mode="MIGRATE_ASYNC"))))
    assert seen.migrate_mode == "MIGRATE_ASYNC"


REQUIRED = [
    *("/format", "/version", "/run_id", "/kernel", "/environment", "/runs"),
    *("/kernel/release", "/kernel/architecture"),
    *("/runs/0/case", "/runs/0/mover", "/runs/0/outcome"),
    *("/runs/0/control/nr_pages", "/runs/0/control/nr_moved"),
    *("/runs/0/target/nr_pages", "/runs/0/target/nr_moved_while_held", "/runs/0/attempt/returned"),
]


def parent_of(value: Any, pointer: str) -> tuple[Any, Any]:
    *way, last = pointer[1:].split("/")
    for step in way:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value, int(last) if isinstance(value, list) else last


@pytest.mark.parametrize("pointer", REQUIRED)
def test_a_missing_field_is_named(pointer: str) -> None:
    def leave_out(value: dict[str, Any]) -> None:
        parent, name = parent_of(value, pointer)
        del parent[name]

    error = refused(leave_out)
    assert error.code == "wrong-shape"
    assert [(f.where, f.expected, f.found) for f in error.faults] == [(pointer, "to be present", "nothing")]


@pytest.mark.parametrize(
    ("pointer", "wrong", "expected"),
    [
        ("/format", "another", '"unmigratable-report"'),
        ("/version", 2, "1"),
        ("/version", True, "1"),
        ("/version", 1.0, "1"),
        ("/run_id", "1234567", "8 to 100 letters"),
        ("/run_id", "a" * 101, "8 to 100 letters"),
        ("/run_id", "has space", "8 to 100 letters"),
        ("/started_at", "yesterday", "RFC 3339"),
        ("/started_at", "2026-11-22T20:15:00", "RFC 3339"),
        ("/environment", "cloud", "one of host, guest"),
        ("/kernel", [], "an object"),
        ("/kernel/release", "6.1 beta", "uname -r"),
        ("/kernel/release", "6" * 121, "uname -r"),
        ("/kernel/architecture", "X86", "uname -m"),
        ("/kernel/nr_nodes", 0, "from 1 to 4096"),
        ("/kernel/config", {"a": None}, "a string of up to 500"),
        ("/runs", [], "1 to 500 entries"),
        ("/runs/0/case", "Fuse", "a slug"),
        ("/runs/0/case", "a" * 65, "a slug"),
        ("/runs/0/mover", "migrate", "one of move_pages"),
        ("/runs/0/area", "zone_normal", "one of zone_movable"),
        ("/runs/0/outcome", "fails", "one of moves"),
        ("/runs/0/control/nr_pages", 0, "from 1 to"),
        ("/runs/0/control/nr_pages", True, "a whole number"),
        ("/runs/0/control/nr_moved", "15", "a whole number"),
        ("/runs/0/target/nr_pages", 2**31 + 1, "a whole number"),
        ("/runs/0/target/nr_moved_while_held", -1, "a whole number"),
        ("/runs/0/target/in_movable_area", 1, "true or false"),
        ("/runs/0/attempt/returned", 0, "true or false"),
        ("/runs/0/freed_seconds", 86_401, "seconds"),
        ("/runs/0/freed_seconds", True, "seconds"),
        ("/runs/0/blocked", {"state": "DD"}, "one letter"),
        ("/runs/0/log", ["a" * 1_001], "0 to 1000 characters"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(pointer: str, wrong: Any, expected: str) -> None:
    def put(value: dict[str, Any]) -> None:
        parent, name = parent_of(value, pointer)
        parent[name] = wrong

    error = refused(put)
    (fault,) = error.faults
    assert error.code == "wrong-shape"
    assert fault.where.startswith(pointer)
    assert expected in fault.expected


@pytest.mark.parametrize("place", ["", "/kernel", "/runs/0", "/runs/0/control", "/runs/0/target", "/runs/0/attempt"])
def test_an_unknown_name_is_refused_everywhere(place: str) -> None:
    def put(value: dict[str, Any]) -> None:
        parent, name = parent_of(value, place + "/surprise")
        parent[name] = 1

    (fault,) = refused(put).faults
    assert (fault.where, fault.found) == (place + "/surprise", "another name")


@pytest.mark.parametrize("missing", ["area", "control", "target", "attempt"])
def test_there_is_no_verdict_without_its_numbers(missing: str) -> None:
    error = refused(lambda value: value["runs"][0].pop(missing))
    assert error.code == "wrong-shape"
    assert [(f.where, f.found) for f in error.faults] == [(f"/runs/0/{missing}", "nothing")]


@pytest.mark.parametrize("outcome", ["skipped", "error"])
def test_a_run_that_did_not_happen_needs_a_reason_and_no_numbers(outcome: str) -> None:
    bare = {"case": "a-case", "mover": "cma", "outcome": outcome}
    (seen,) = envelope.observations(read(builders.envelope({**bare, "reason": "No CMA here."})))
    assert (seen.outcome, seen.area) == (outcome, "")
    error = refused(lambda value: value.update(runs=[bare]))
    assert (error.code, error.faults[0].where) == ("wrong-shape", "/runs/0/reason")


@pytest.mark.parametrize("outcome", ["moves", "leaves_first", "never_there", "refuses", "inconclusive"])
def test_an_outcome_that_the_numbers_do_not_give_is_a_contradiction(outcome: str) -> None:
    error = refused(lambda value: value["runs"][0].update(outcome=outcome))
    (fault,) = error.faults
    assert (error.code, fault.where, fault.found) == ("contradiction", "/runs/0/outcome", f'"{outcome}"')
    assert fault.expected.startswith("hangs, since 0 of 16 pages moved while held")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("control", "nr_moved"),
        ("target", "nr_moved_while_held"),
        ("target", "nr_moved_by_hold"),
        ("target", "nr_moved_after_release"),
    ],
)
def test_no_more_pages_can_move_than_there_were(part: str, name: str) -> None:
    error = refused(lambda value: value["runs"][0][part].update({name: 17}))
    (fault,) = error.faults
    assert (error.code, fault.where, fault.found) == ("contradiction", f"/runs/0/{part}/{name}", "17")
    assert fault.expected == "at most nr_pages, 16"


def test_faults_of_several_runs_are_told_together_and_are_bounded() -> None:
    wrong = builders.run(outcome="moves")
    assert [f.where for f in refused(lambda value: value.update(runs=[wrong, builders.run(), wrong])).faults] == [
        "/runs/0/outcome",
        "/runs/2/outcome",
    ]
    assert len(refused(lambda value: value.update(runs=[wrong] * 60)).faults) == 50


def test_up_to_500_runs_and_no_more() -> None:
    assert len(read(builders.envelope(*[builders.run()] * 500)).runs) == 500
    error = refused(lambda value: value.update(runs=[builders.run()] * 501))
    assert (error.faults[0].where, error.faults[0].found) == ("/runs", "501 entries")


def test_the_published_schema_takes_a_whole_report() -> None:
    jsonschema.Draft202012Validator.check_schema(envelope.ENVELOPE.schema)
    jsonschema.Draft202012Validator(envelope.ENVELOPE.schema).validate(whole())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
places = st.sampled_from([*REQUIRED, "/runs/0", "/runs/0/log", "/runs/0/facts", "/probe", "/kernel/config"])


@given(st.binary(max_size=300) | anything.map(lambda value: json.dumps(value).encode()))
def test_reading_arbitrary_bytes_raises_nothing_but_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        envelope.read(body)


@given(places, anything)
def test_reading_a_report_with_anything_in_one_place_raises_nothing_but_unreadable(place: str, value: Any) -> None:
    report = builders.envelope()
    parent, name = parent_of(report, place)
    parent[name] = value
    try:
        made = envelope.read(json.dumps(report).encode())
    except Unreadable as error:
        assert error.faults and len(error.faults) <= 50
    else:
        assert len(envelope.observations(made)) == len(report["runs"])


@given(places, anything)
def test_the_short_look_and_the_long_one_say_the_same(place: str, value: Any) -> None:
    report = whole()
    parent, name = parent_of(report, place)
    parent[name] = value
    faults: list[Fault] = []
    envelope.ENVELOPE.check(report, "", faults)
    assert envelope.ENVELOPE.accepts(report) == (not faults)


hosts = st.sampled_from(["", "guest", "host", "hangs", "compaction", "x86_64", "fuse-writeback", "6.18.44", "box"])
private = st.sampled_from(["me@a.b", "1.2.3.4", "/home/a", "fe80::1", "(me@box)", "box", "guest", "word", "+0x10/0x20"])
lines = st.lists(private, max_size=300).map(" ".join)


@settings(max_examples=60)
@given(hosts, lines)
def test_a_good_report_is_as_good_without_what_is_private(host: str, line: str) -> None:
    report = whole()
    report["runs"][0]["log"] = [line[:1_000]]
    report["runs"][0]["operation"]["name"] = line[:100] or "offline"
    report["kernel"].update(label=line[:80] or "label", cmdline=line[:2_000] or "quiet")
    before = copy.deepcopy(report)
    scrubbed = read(redact.envelope(report, host))
    assert report == before, "what was given is left alone"
    assert envelope.observations(scrubbed)[0].fingerprint == envelope.observations(read(report))[0].fingerprint
    assert (scrubbed.run_id, scrubbed.environment) == (report["run_id"], report["environment"])


@given(st.text(string.ascii_lowercase + string.digits + "-.", min_size=1, max_size=20))
def test_a_host_of_any_name_can_send_its_report(host: str) -> None:
    assert read(redact.envelope(whole(), host)).kernel.release == "6.18.44"


def test_every_mover_has_a_migrate_mode_or_asks_for_none() -> None:
    for mover in vocabulary.MOVERS:
        (seen,) = envelope.observations(read(builders.envelope(builders.run(mover=mover))))
        assert (seen.migrate_mode in vocabulary.MIGRATE_MODES) is (mover not in ("split", "khugepaged"))


def test_what_was_checked_is_read_the_short_way_to_the_same() -> None:
    runs = [builders.run(), builders.moving_run()]
    for value in (whole(), builders.envelope(), builders.envelope(*runs)):
        for body in (json.dumps(value).encode(), b"\xef\xbb\xbf" + json.dumps(value, ensure_ascii=False).encode()):
            assert envelope.FORMAT.checked is not None
            said = envelope.FORMAT.checked(body, Given())
            assert said and said == envelope.FORMAT.observations(body, Given())
