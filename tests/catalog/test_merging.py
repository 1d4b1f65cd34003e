"""Two changes into one: nothing of either is lost, and what cannot be decided is said."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.documents.merge import Conflict, merge, open_marks

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "- x"]), max_size=12).map("\n".join)
BASE = "one\ntwo\nthree\nfour\nfive\n"


def test_changes_in_different_places_are_both_there() -> None:
    merged = merge(BASE, BASE.replace("one", "ONE"), BASE.replace("five\n", "five\nsix\n"))
    assert merged.conflicts == ()
    assert merged.text() == "ONE\ntwo\nthree\nfour\nfive\nsix\n"


def test_changes_of_the_same_line_are_a_conflict_with_both_texts_and_lines() -> None:
    merged = merge(BASE, BASE.replace("three", "ours"), "zero\n" + BASE.replace("three", "theirs"))
    assert merged.conflicts == (Conflict(3, 4, ("ours",), ("theirs",)),)
    assert merged.text("you", "Ann").split("\n")[3:8] == ["<<<<<<< you", "ours", "=======", "theirs", ">>>>>>> Ann"]


def test_changes_of_lines_that_touch_are_a_conflict() -> None:
    assert merge(BASE, BASE.replace("two", "2"), BASE.replace("three", "3")).conflicts


def test_a_line_taken_out_by_one_and_changed_by_the_other_is_a_conflict() -> None:
    (found,) = merge(BASE, BASE.replace("three\n", ""), BASE.replace("three", "3")).conflicts
    assert (found.ours, found.theirs) == ((), ("3",))


@given(TEXTS, TEXTS)
def test_one_change_alone_is_taken_over_whole(base: str, changed: str) -> None:
    for merged in (merge(base, changed, base), merge(base, base, changed), merge(base, changed, changed)):
        assert merged.conflicts == () and merged.text() == changed


@given(TEXTS, TEXTS, TEXTS)
def test_every_line_of_both_is_there_or_was_taken_out(base: str, ours: str, theirs: str) -> None:
    made = merge(base, ours, theirs).text().split("\n")
    for line in set(ours.split("\n") + theirs.split("\n")) - set(base.split("\n")):
        assert line in made


@pytest.mark.parametrize("seed", range(25))
def test_it_agrees_with_git(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    base = [f"line {n}" for n in range(20)]

    def changed(who: str) -> list[str]:
        made: list[str] = []
        for line in base:
            act = chance.random()
            if act < 0.85:
                made.append(line)
            if 0.85 <= act < 0.92:
                made.append(f"{line} as {who} has it")
            if act >= 0.97:
                made += [line, f"{who} adds after {line}"]
        return made

    texts = {"ours": changed("one"), "base": base, "theirs": changed("other")}
    for name, lines in texts.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    git = ["git", "merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs"]
    done = subprocess.run(git, cwd=tmp_path, capture_output=True, text=True)
    ours, old, theirs = ("\n".join(texts[name]) + "\n" for name in ("ours", "base", "theirs"))
    merged = merge(old, ours, theirs)
    assert (len(merged.conflicts) == 0) == (done.returncode == 0)
    if done.returncode == 0:
        assert merged.text() == done.stdout


def test_marks_are_found_where_they_are_no_code() -> None:
    text = merge("a", "b", "c").text("you", "Ann")
    assert [problem.line for problem in open_marks(text)] == [1, 5]
    assert open_marks(f"```\n{text}\n```") == []
    assert open_marks("Title\n=======\n") == []
