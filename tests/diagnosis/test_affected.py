"""One kernel against one case: the nearest knowledge decides, and a range of versions never does."""

# ruff: noqa: E501 (a row of the table is a line)
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.kernels.affected import AFFECTED, NOT_AFFECTED, UNKNOWN, Answer, Change, Measurement, answer
from diagnosis.kernels.releases import read


def measured(release: str, held: int = 3, runs: int = 3, mover: str = "offline", **changed: str) -> Measurement:
    where = {"area": "zone_movable", "environment": "guest", "architecture": "x86_64", "kind": "run", **changed}
    return Measurement(release, mover, **where, held=held, conclusive=runs, nr_machines=1)


def change(tree: str, what: str, release: str = "", commit: str = "", known_by: str = "source") -> Change:
    return Change(tree, what, known_by, release, commit)


def asked(kernel: str, *known: Measurement | Change) -> Answer:
    measurements = [one for one in known if isinstance(one, Measurement)]
    return answer(read(kernel), measurements, [one for one in known if isinstance(one, Change)])


INTRODUCED = change("mainline", "introduced", "6.16", "0c58a97f919c")
LEFT_OUT = Change("6.12", "present", "source", "6.12.50", "", "A folio that its writer locks.")
CARRIED = (change("6.12", "introduced", "6.12.49", "c" * 12), change("6.12", "fixed", "6.12.65", "f" * 12))

# kernel, what is known, the answer, and what decides
ROWS: dict[str, tuple[str, list[Measurement | Change], str, str]] = {
    "nothing is known": ("6.12.57", [], UNKNOWN, ""),
    "held on this build": ("6.12.57", [measured("6.12.57")], AFFECTED, "build"),
    "moves on this build": ("6.12.57", [measured("6.12.57", 0)], NOT_AFFECTED, "build"),
    "held once in three": ("6.12.57", [measured("6.12.57", 1)], AFFECTED, "build"),
    "no conclusive run": ("6.12.57", [measured("6.12.57", 0, 0)], UNKNOWN, ""),
    "one mover is held": ("6.12.57", [measured("6.12.57"), measured("6.12.57", 0, mover="cma")], AFFECTED, "build"),
    "held on the line": ("6.12.57", [measured("6.12.95+deb12-amd64")], AFFECTED, "line"),
    "moves on the line": ("6.12.57", [measured("6.12.95+deb12-amd64", 0)], NOT_AFFECTED, "line"),
    "this build before the line": ("6.12.57", [measured("6.12.95"), measured("6.12.57", 0)], NOT_AFFECTED, "build"),
    "builds disagree": ("6.12.57", [measured("6.12.95"), measured("6.12.9", 0)], UNKNOWN, ""),
    "another mover disagrees": ("6.12.57", [measured("6.12.95"), measured("6.12.9", 0, mover="cma")], AFFECTED, "line"),
    "held on other lines": ("6.12.57", [measured("6.6.1"), measured("6.18.1")], UNKNOWN, ""),
    "a vendor's line": ("5.14.0-570.el9.x86_64", [measured("5.14.0-611.el9.x86_64")], AFFECTED, "line"),
    "upstream says nothing of it": ("5.14.0-570.el9.x86_64", [measured("5.14.1")], UNKNOWN, ""),
    "a vendor says nothing of upstream": ("5.14.1", [measured("5.14.0-570.el9.x86_64")], UNKNOWN, ""),
    "fixed in between": ("6.12.57", [measured("6.12.9"), change("6.12", "fixed", "6.12.40", "f" * 12)], NOT_AFFECTED, "tree"),
    "fixed after both": ("6.12.57", [measured("6.12.9"), change("6.12", "fixed", "6.12.60", "f" * 12)], AFFECTED, "line"),
    "fixed some time up to": ("6.12.57", [measured("6.12.9"), change("6.12", "fixed", "6.12.60")], UNKNOWN, ""),
    "fixed some time after both": ("6.12.9", [measured("6.12.57"), change("6.12", "fixed", "6.12.60")], AFFECTED, "line"),
    "fixed nobody knows when": ("6.12.57", [measured("6.12.9"), change("6.12", "fixed")], UNKNOWN, ""),
    "an ABI says nothing of a fix": ("6.1.0-41-amd64", [measured("6.1.0-9-amd64"), change("6.1", "fixed", "6.1.99", "f" * 12)], UNKNOWN, ""),
    "present in the tree": ("6.12.57", [change("6.12", "present", "6.12.107")], AFFECTED, "tree"),
    "absent from the tree": ("6.12.57", [change("6.12", "absent", "6.12.107")], NOT_AFFECTED, "tree"),
    "moves, but for what was not run": ("6.12.57", [measured("6.12.57", 0), LEFT_OUT], AFFECTED, "tree"),
    "moves on the line, but for what was not run": ("6.12.57", [measured("6.12.9", 0), LEFT_OUT], AFFECTED, "tree"),
    "held, and more was not run": ("6.12.57", [measured("6.12.57"), LEFT_OUT], AFFECTED, "build"),
    "what was not run on another line": ("6.6.9", [measured("6.6.9", 0), LEFT_OUT], NOT_AFFECTED, "build"),
    "what was not run, fixed since": ("6.12.70", [measured("6.12.70", 0), LEFT_OUT, change("6.12", "fixed", "6.12.65", "f" * 12)], NOT_AFFECTED, "build"),
    "what was not run, from memory": ("6.12.57", [measured("6.12.57", 0), replace(LEFT_OUT, known_by="memory")], NOT_AFFECTED, "build"),
    "present and absent": ("6.12.57", [change("6.12", "present", "6.12.107"), change("6.12", "absent", "6.12.1")], UNKNOWN, ""),
    "present in another tree": ("6.12.57", [change("6.6", "present", "6.6.107")], UNKNOWN, ""),
    "another form decides nothing": ("6.12.57", [change("6.12", "changed", "6.12.107")], UNKNOWN, ""),
    "at the fix": ("6.12.60", [change("6.12", "fixed", "6.12.60", "f" * 12)], NOT_AFFECTED, "tree"),
    "right before the fix": ("6.12.59", [change("6.12", "fixed", "6.12.60", "f" * 12)], AFFECTED, "tree"),
    "carried there, then fixed": ("6.12.70", [*CARRIED], NOT_AFFECTED, "tree"),
    "carried there, not yet fixed": ("6.12.50", [*CARRIED], AFFECTED, "tree"),
    "not carried there yet": ("6.12.40", [*CARRIED], NOT_AFFECTED, "tree"),
    "not carried there yet, nor known when": ("6.12.40", [change("6.12", "introduced"), CARRIED[1]], AFFECTED, "tree"),
    "introduced with the line, then fixed": ("6.16.9", [INTRODUCED, change("6.16", "fixed", "6.16.7", "f" * 12)], NOT_AFFECTED, "tree"),
    "before what may be the fix": ("6.12.59", [change("6.12", "fixed", "6.12.60")], UNKNOWN, ""),
    "a fix that a name hides": ("6.1.0-41-amd64", [change("6.1", "fixed", "6.1.99", "f" * 12)], UNKNOWN, ""),
    "from memory": ("6.12.57", [change("6.12", "present", "6.12.107", known_by="memory")], UNKNOWN, ""),
    "mainline's candidate": ("7.3.4", [change("mainline", "present", "7.3~rc7")], AFFECTED, "tree"),
    "after the commit": ("6.17.1", [INTRODUCED], AFFECTED, "commits"),
    "in the release of the commit": ("6.16", [INTRODUCED], AFFECTED, "tree"),
    "in its stable line": ("6.16.9", [INTRODUCED], AFFECTED, "tree"),
    "in one of its candidates": ("6.16-rc3", [INTRODUCED], UNKNOWN, ""),
    "a candidate after it": ("6.17-rc1", [INTRODUCED], AFFECTED, "commits"),
    "git describe after it": ("6.19-rc3-123-gabcdef", [INTRODUCED], AFFECTED, "commits"),
    "older than the commit": ("6.12.57", [INTRODUCED], UNKNOWN, ""),
    "a commit from memory": ("6.17.1", [change("mainline", "introduced", "6.16", "f" * 12, "memory")], UNKNOWN, ""),
    "a commit and a vendor": ("6.17.0-5-generic", [INTRODUCED], UNKNOWN, ""),
    "after the fix of mainline": ("6.19.1", [INTRODUCED, change("mainline", "fixed", "6.18", "f" * 12)], NOT_AFFECTED, "commits"),
    "between commit and fix": ("6.17.1", [INTRODUCED, change("mainline", "fixed", "6.18", "f" * 12)], UNKNOWN, ""),
    "a fix in an unknown release": ("6.17.1", [INTRODUCED, change("mainline", "fixed")], UNKNOWN, ""),
    "a fix in another stable tree": ("6.17.1", [INTRODUCED, change("6.16", "fixed", "6.16.9", "f" * 12)], AFFECTED, "commits"),
    "no release at all": ("6.17.1", [change("mainline", "introduced")], UNKNOWN, ""),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_nearest_knowledge_decides(row: tuple[str, list[Measurement | Change], str, str]) -> None:
    kernel, known, verdict, known_by = row
    found = asked(kernel, *known)
    assert (found.verdict, found.known_by) == (verdict, known_by)


@pytest.mark.parametrize("key", ["area", "environment", "architecture", "kind"])
def test_what_is_never_pooled_gives_a_reason_of_its_own(key: str) -> None:
    other = {"area": "migrate_cma", "environment": "host", "architecture": "aarch64", "kind": "log"}
    found = asked("6.12.57", measured("6.12.9"), measured("6.12.8", 0, **{key: other[key]}))
    assert [reason.known_by for reason in found.reasons] == ["line", "line"]
    assert found.verdict == AFFECTED


def test_a_measurement_beats_what_was_read_and_the_disagreement_is_shown() -> None:
    found = asked("6.12.57", measured("6.12.57", 0), change("6.12", "present", "6.12.107"))
    assert found.verdict == NOT_AFFECTED and any(reason.contradicts for reason in found.reasons)
    assert [(r.text, r.contradicts) for r in found.reasons] == [
        ("offline, ZONE_MOVABLE, x86_64 guest: held in 0 of 3 runs on 1 machine.", False),
        ("6.12.107: present (kernel source).", True),
    ]


def test_a_reason_names_what_it_was_measured_on_and_how_often() -> None:
    (reason,) = asked("6.12.57", measured("6.12.95+deb12-amd64", 2, 5)).reasons
    assert reason.text == "6.12.95+deb12-amd64: offline, ZONE_MOVABLE, x86_64 guest: held in 2 of 5 runs on 1 machine."


def test_where_nothing_decides_the_nearest_lines_and_other_trees_are_told() -> None:
    known = [measured(f"6.{minor}.1") for minor in (1, 6, 18, 19)]
    found = asked("6.12.57", *known, measured("5.14.0-1.el9"), change("7.3", "present", "7.3~rc7"))
    assert [(reason.known_by, reason.text) for reason in found.reasons] == [
        ("elsewhere", "Line 6.6: held (6.6.1)."),
        ("elsewhere", "Line 6.18: held (6.18.1)."),
        ("elsewhere", "7.3~rc7: present (kernel source)."),
    ]


RELEASES = st.sampled_from(
    ["6.1.0-41-amd64", "6.12.57", "6.12-rc1", "5.14.0-570.el9.x86_64", "6.16", "6.19-rc3-1-gabcdef", ""]
)
WORDS = st.sampled_from(["introduced", "present", "absent", "changed", "fixed"])
KNOWN = st.lists(
    st.builds(measured, RELEASES, st.integers(0, 3), st.just(3))
    | st.builds(change, st.sampled_from(["mainline", "6.1", "6.12"]), WORDS, RELEASES, st.sampled_from(["", "f" * 12])),
    max_size=6,
)


@given(RELEASES, KNOWN)
def test_an_answer_always_has_a_reason_that_says_it(kernel: str, known: list[Measurement | Change]) -> None:
    found = asked(kernel, *known)
    if found.verdict == UNKNOWN:
        assert found.known_by == ""
    else:
        said = [reason.verdict for reason in found.reasons if reason.known_by == found.known_by]
        assert found.verdict in said and found.known_by in ("build", "line", "tree", "commits")
