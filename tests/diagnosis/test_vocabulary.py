"""The words themselves."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from diagnosis import readers
from diagnosis.readers import inspect as inspected
from diagnosis.rules import log, surroundings
from diagnosis.text import record
from diagnosis.words import vocabulary
from diagnosis.words.vocabulary import CONCLUSIVE, GROUPS, HELD, MIGRATE_MODES, MOVER_MODES, MOVERS, OUTCOMES


@pytest.mark.parametrize("group", GROUPS)
def test_every_word_has_a_slug_a_label_and_a_sentence(group: str) -> None:
    assert GROUPS[group]
    for slug, word in GROUPS[group].items():
        assert word.slug == slug and re.fullmatch(r"[A-Za-z0-9_]+", slug)
        assert word.label and len(word.meaning.split()) > 1 and word.meaning.endswith(".")


def test_no_group_says_a_slug_twice() -> None:
    """A second entry would silently replace the first: counted in the source, before it becomes a mapping."""
    calls = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(vocabulary)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_group"
    ]
    assert len(calls) == len(GROUPS), "every group is in GROUPS"
    for call in calls:
        slugs = [entry.elts[0].value for entry in call.args]  # type: ignore[attr-defined]
        assert len(slugs) == len(set(slugs))


def test_the_migrate_modes_are_of_known_movers() -> None:
    assert MOVER_MODES.keys() <= MOVERS.keys()
    assert set(MOVER_MODES.values()) <= MIGRATE_MODES.keys()


def test_what_counts_are_outcomes_and_what_held_counts() -> None:
    assert set(HELD) < set(CONCLUSIVE) < OUTCOMES.keys()


@pytest.mark.parametrize("group", GROUPS)
def test_looking_up_a_slug_that_came_from_data_never_raises(group: str) -> None:
    known = GROUPS[group]
    for slug, word in known.items():
        assert vocabulary.look_up(known, slug) is word
    assert vocabulary.look_up(known, "") is vocabulary.UNKNOWN
    newer, other = (vocabulary.look_up(known, slug) for slug in ("of_next_year", "of_elsewhere"))
    assert newer.label == other.label == "unknown" and newer != other, "two unknown words stay two"


def test_no_area_is_no_gap_in_what_is_known_and_an_unknown_area_is() -> None:
    assert [vocabulary.look_up_area(slug).label for slug in ("migrate_cma", "", "elsewhere")] == [
        "MIGRATE_CMA",
        "no area",
        "unknown",
    ]


def test_an_unknown_word_stands_behind_all_others() -> None:
    assert [vocabulary.rank(GROUPS["kind"], slug) for slug in ("case", "look_alike", "elsewhere", "")] == [0, 2, 3, 3]


def test_one_error_is_one_and_two_are_errors() -> None:
    said = [vocabulary.counted(n, OUTCOMES[slug]) for n, slug in ((1, "error"), (2, "error"), (3, "hangs"))]
    assert said == ["1 error", "2 errors", "3 hangs"]


def test_every_kind_of_record_has_its_word() -> None:
    """Without one, the plain text of a diagnosis raised on the first such line."""
    sources = [path.read_text() for folder in readers.__path__ for path in Path(folder).glob("*.py")]
    made = {kind for source in sources for kind in re.findall(r'Record\(\s*"(\w+)"', source)}
    assert len(made) > 10
    assert made | {*inspected.KINDS.values()} | log.RULES.keys() | surroundings.SAYING.keys() <= record.KINDS.keys()
