"""The words themselves."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from diagnosis import vocabulary
from diagnosis.vocabulary import CONCLUSIVE, GROUPS, HELD, MIGRATE_MODES, MOVER_MODES, MOVERS, OUTCOMES


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
