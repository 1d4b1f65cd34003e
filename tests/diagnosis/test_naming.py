"""Names of tests in other suites, and which cases they speak of."""

from __future__ import annotations

import pytest

from diagnosis.formats import ktap
from diagnosis.formats.format import Given
from diagnosis.matching import match, naming


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("selftests: mm: migration", "migration.private_anon"), "mm.migration.private_anon"),
        (("suite", "case name"), "suite.case.name"),
        (("fuse-writeback.compaction",), "fuse-writeback.compaction"),
        (("",), ""),
        (("mm/cow",), "mm.cow"),
    ],
)
def test_nested_names_become_one_path(parts: tuple[str, ...], name: str) -> None:
    assert naming.path(parts) == name


@pytest.mark.parametrize(
    ("test", "name", "speaks"),
    [
        ("mm.migration.private_anon", "mm.migration", True),
        ("kselftest.mm.migration", "mm.migration", True),
        ("kvm.migration", "mm.migration", False),
        ("ltp.syscalls.move_pages01", "move_pages*", True),
        ("ltp.syscalls.move_page", "move_pages*", False),
        ("mm", "mm.migration", False),
        ("", "a", False),
        ("mm.migrations", "mm.migration", False),
    ],
)
def test_a_name_stands_for_a_stretch_of_the_path(test: str, name: str, speaks: bool) -> None:
    assert naming.speaks_of(test, name) is speaks


def test_a_test_is_attached_to_the_case_whose_file_names_it() -> None:
    body = b"KTAP version 1\n1..2\nok 1 selftests: mm: cow\nok 2 selftests: mm: other\n"
    cow, other = ktap.observations(body, Given("6.18.44", "x86_64"))
    known = [match.Signature("some-case", frozenset({"some-case", "mm.cow"}))]
    (found,) = match.match(cow, known)
    assert (found.case, found.reason) == ("some-case", "The test mm.cow speaks of this case, by mm.cow.")
    assert match.match(other, known) == []
