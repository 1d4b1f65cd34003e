"""Every text whose holder is known: its record is read, the mechanism is right, the holder is among the candidates."""

from __future__ import annotations

import pytest

from tests.diagnosis.corpus import ALL, ROOT, Known, diagnosed, rank, row

DOC = (ROOT / "docs" / "diagnose.md").read_text()


def there(one: Known) -> None:
    if not one.is_there:
        assert one.name.startswith("sample"), f"{one.path} belongs to this repository"
        pytest.skip(f"{one.path.name} is a public log that this checkout does not have")


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_mechanism_is_right_and_the_true_holder_is_a_candidate(one: Known) -> None:
    there(one)
    found, finding = diagnosed(one)
    assert found.records[finding.records[0]].kind == one.kind
    assert (finding.verdict.mechanism, finding.verdict.manner) == (one.mechanism, one.manner)
    assert finding.verdict.reasons and all(reason.places for reason in finding.verdict.reasons)
    if one.holder:
        assert rank(one, finding)
    proved = [candidate.case for candidate in finding.candidates if candidate.is_proved]
    assert proved in ([], [one.holder]), "proved is nobody else"


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_documentation_shows_what_is_said(one: Known) -> None:
    there(one)
    assert row(one) in DOC, "run `python -m tests.diagnosis.corpus`"


def test_there_are_eight_cases_on_two_kernels_of_our_own() -> None:
    own = [one for one in ALL if not one.name.startswith("sample")]
    assert len({one.holder for one in own}) >= 8
    assert len({one.name.split("/")[0] for one in own if "/" in one.name}) >= 2
