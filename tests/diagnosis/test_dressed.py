"""However it was pasted: the same verdicts, mechanisms, candidates and values, each where it stands. And never more
than that when parts are missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diagnosis.diagnose import diagnose
from diagnosis.matching.known import signatures
from diagnosis.rules.verdict import Diagnosis
from diagnosis.text.record import Place
from tests.diagnosis.dressed import DRESSES, MESSAGES, PLAIN, STAMPED, wrapped

TRUE = diagnose(PLAIN(MESSAGES), signatures())
LINES = str(STAMPED(MESSAGES)).splitlines(keepends=True)


def verdicts(found: Diagnosis) -> list[tuple[object, ...]]:
    return [
        (
            finding.verdict.mechanism,
            finding.verdict.proved,
            finding.verdict.sentence,
            finding.verdict.manner,
            tuple((candidate.case, candidate.is_proved) for candidate in finding.candidates),
        )
        for finding in found.findings
    ]


def values(found: Diagnosis) -> list[tuple[object, ...]]:
    return [
        (
            record.kind,
            *((value.name, value.text, value.number) for value in record.values),
            *(frame.function for frame in record.frames + record.owner),
        )
        for record in found.records
    ]


def said(found: Diagnosis, place: Place) -> str:
    return found.text.split("\n")[place.line - 1][place.column - 1 : place.column - 1 + place.length]


def proved(text: str) -> set[tuple[object, ...]]:
    """Mechanisms and the numbers that they rest on."""
    found = diagnose(text, signatures())
    return {
        (one.verdict.mechanism, *((one.references.left, one.references.pins) if one.references else ()))
        for one in found.findings
        if one.verdict.proved
    }


def test_the_true_text_says_what_it_should() -> None:
    assert [verdict[:2] for verdict in verdicts(TRUE)] == [
        ("extra_reference", True),
        ("foll_pin", True),
        ("writeback", True),
    ]
    assert [len(record.values) for record in TRUE.records] == [31, 22, 4, 1]
    assert [len(record.owner) for record in TRUE.records] == [3, 0, 0, 0]


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_is_said_in_every_dress(dress: str) -> None:
    found = diagnose(DRESSES[dress](MESSAGES), signatures())
    assert values(found) == values(TRUE)
    assert verdicts(found) == verdicts(TRUE)
    assert found.release == TRUE.release


@pytest.mark.parametrize("dress", DRESSES)
def test_every_value_stands_where_it_is_said_to_stand(dress: str) -> None:
    """A wrapped value ends with its first line; a state is told by the whole sentence; JSON writes a quote as two."""
    found = diagnose(DRESSES[dress](MESSAGES), signatures())
    for record in found.records:
        for value in record.values:
            shown = said(found, value.place).replace("\\", "").replace("=3D", "=")
            is_told = (
                value.text in shown
                or value.text.startswith(shown)
                or value.name.startswith(shown)
                or value.name == "state"
            )
            assert shown and is_told, value
        for frame in record.frames:
            assert frame.function in said(found, frame.place)


@pytest.mark.parametrize("width", range(64, 132, 4))
def test_wherever_a_mailer_breaks_lines(width: int) -> None:
    for lead in ("", "> ", "> > ", "    "):
        assert verdicts(diagnose(wrapped(width, lead)(MESSAGES), signatures())) == verdicts(TRUE), lead


def _cut() -> Iterator[tuple[str, str]]:
    whole = "".join(LINES)
    for at in range(0, len(whole), 11):
        yield f"ends at {at}", whole[:at]
        yield f"begins at {at}", whole[at:]
    for n in range(len(LINES)):
        yield f"without line {n + 1}", "".join(LINES[:n] + LINES[n + 1 :])
        yield f"without lines {n + 1} to {n + 3}", "".join(LINES[:n] + LINES[n + 3 :])


def test_what_is_missing_proves_nothing() -> None:
    """A log that was cut, or lost lines, may say less than the whole. It never says something else as proved.

    Without the one line of folio_wait_writeback a trace is that of a task that waits for the lock: it says so itself.
    """
    whole = proved("".join(LINES))
    assert len(whole) == 3
    for name, text in _cut():
        locks = [one.verdict for one in diagnose(text).findings if one.verdict.mechanism == "page_lock"]
        assert not locks or "folio_wait_writeback" not in text, name
        assert all(any("a line is missing" in gap for gap in lock.unknown) for lock in locks), name
        assert proved(text) - {("page_lock",)} <= whole, name
