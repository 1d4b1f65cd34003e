"""What a machine looked up in the source of a tree, and what the answer to 'am I affected?' makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from catalog.documents.parser import parse
from catalog.measured.asked import affected, read_states
from catalog.models import Case
from diagnosis.kernels import affected as judging
from diagnosis.kernels import releases
from tests import builders

ROOT = Path(__file__).parents[2]
STATES = json.loads((ROOT / "data/audit/states.json").read_text())
SIGNS = yaml.safe_load((ROOT / "data/audit/signs.yaml").read_text())["signs"]


def test_every_sign_is_of_a_case_and_every_state_of_a_sign() -> None:
    assert {(ROOT / f"data/cases/{case}.md").is_file() for case in SIGNS} == {True}
    for tree in STATES.values():
        assert tree["cases"].keys() <= SIGNS.keys()
        assert {state["change"] for state in tree["cases"].values()} <= {"present", "absent", "fixed"}


@pytest.mark.parametrize("slug", sorted(SIGNS))
def test_text_and_machine_do_not_contradict_each_other(slug: str) -> None:
    """Of one release of one tree. A text may say more (`changed`, `not_run`), and it stays the one that is asked."""
    text = parse((ROOT / f"data/cases/{slug}.md").read_text())
    for change in read_states.changes(slug):
        said = {c.change for c in text.trees if c.tree == change.tree and c.release == change.release}  # type: ignore[union-attr]
        assert not said or change.change in said or said == {"changed"}, (slug, change, said)


@pytest.mark.django_db
def test_a_line_of_which_the_text_says_nothing_is_answered_from_its_source() -> None:
    case = builders.case("aio-ring", trees=[{"tree": "6.1", "change": "present", "known_by": "memory"}])
    (one,) = affected.judge(releases.read("5.10.200"), [case])
    assert (one.answer.verdict, one.answer.known_by) == (judging.AFFECTED, "tree")
    assert any("fs/aio.c:" in reason.text and "5.10.262" in reason.text for reason in one.answer.reasons)
    (old,) = affected.judge(releases.read("6.1.100"), [case])
    assert old.answer.verdict == judging.UNKNOWN, (
        "the text says something of that line, from memory, and is not overruled"
    )
    (none,) = affected.judge(releases.read("6.6.100"), [case])
    assert none.answer.verdict == judging.UNKNOWN, "no source of that line was read"


@pytest.mark.django_db
def test_a_sign_that_is_not_there_says_so_where_it_can() -> None:
    case = builders.case("min-order-folio")
    (one,) = affected.judge(releases.read("5.10.200"), [case])
    assert one.answer.verdict == judging.NOT_AFFECTED
    assert any("no sign of it in include/linux/pagemap.h" in reason.text for reason in one.answer.reasons)
    assert Case.objects.count() == 1


def test_of_a_case_without_a_sign_nothing_is_said() -> None:
    assert read_states.changes("fuse-writeback") == []
