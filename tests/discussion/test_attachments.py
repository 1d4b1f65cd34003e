"""A comparison that a comment links to keeps the figures that it had."""

from __future__ import annotations

import pytest
from django.test import Client

from discussion.comments import threads
from tests import builders

pytestmark = pytest.mark.django_db
LINK = "See http://127.0.0.1:8000/compare/?a=6.18.44&b=6.18.44+%2B+fix"


def runs(count: int, moves: bool, **kernel: str) -> None:
    for _ in range(count):
        run = builders.moving_run() if moves else builders.run()
        builders.settled(run, kernel={"release": "6.18.44", "architecture": "x86_64", **kernel})


def test_what_is_measured_later_changes_nothing_in_what_was_said() -> None:
    case, ann = builders.case().document, builders.person("ann")
    runs(5, False)
    runs(5, True, label="fix")
    comment = threads.say(case, ann, LINK)
    assert comment.attached is not None
    (row,) = comment.attached["rows"]
    assert (row["case"], row["verdict"]) == ("fuse-writeback", "differs")
    assert row["a"].endswith("held in 5 of 5") and row["b"].endswith("held in 0 of 5")
    runs(1, False)
    comment.refresh_from_db()
    assert comment.attached["rows"] == [row]
    text = Client().get("/cases/fuse-writeback/").content.decode()
    assert "6.18.44 compared with 6.18.44 + fix" in text and "held in 5 of 5" in text


@pytest.mark.parametrize("text", ["No link.", "/compare/?a=6.18.44", "/compare/?a=6.18.44&b=none", "/compare/?%ff"])
def test_a_link_that_compares_nothing_attaches_nothing(text: str) -> None:
    case = builders.case().document
    runs(1, False)
    assert threads.say(case, builders.person(), text).attached is None


def test_what_only_editors_see_is_attached_to_nothing() -> None:
    case = builders.case().document
    runs(1, False)
    runs(1, True, label="fix")
    other = builders.case("other").document
    case.state = "draft"
    case.save()
    assert threads.say(other, builders.person("ed", "editor"), LINK).attached is None
