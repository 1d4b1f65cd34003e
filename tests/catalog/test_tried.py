"""What a strategy changed when it was measured."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.models.text import Origin
from catalog.revisions import store
from tests import builders
from tests.pages import on_one_line

pytestmark = pytest.mark.django_db


def page() -> str:
    return on_one_line(Client().get("/strategies/a-strategy/")).split('id="measured"')[1].split("</section>")[0]


def runs(count: int, label: str = "", release: str = "6.18.44", moves: bool = False) -> None:
    make = builders.moving_run if moves else builders.run
    kernel = {"release": release, "architecture": "x86_64", **({"label": label} if label else {})}
    for _ in range(count):
        builders.settled(make(), kernel=kernel)


def test_what_was_not_measured_says_so_with_the_commands_that_would() -> None:
    builders.case(probe="fuse-writeback")
    builders.case("unprobed")
    builders.strategy(cases=("fuse-writeback", "unprobed"))
    text = page()
    assert text.count("not measured yet") == 2 and "No probe reproduces this case yet" in text
    for label in ("base", "a-strategy"):
        assert f"--label {label} --cases fuse-writeback --repeat 5 --submit http://127.0.0.1:8000" in text


def test_a_case_it_does_not_apply_to_is_not_asked_for() -> None:
    builders.case()
    store.save(builders.strategy_text().replace('"helps"', '"does_not_apply"'), origin=Origin.FILE)
    assert "claims no effect on any case" in page()


def test_runs_with_its_label_stand_beside_those_of_the_same_release_without() -> None:
    builders.case()
    builders.strategy()
    runs(5)
    runs(5, release="6.17.1")  # another release is no base
    runs(5, label="a-strategy v2", moves=True)
    runs(5, label="another", moves=True)
    text = page()
    assert "6.18.44 + a-strategy v2" in text and "<b>differs</b>" in text and "held in 5 of 5" in text
    assert "another" not in text and "6.17.1" not in text and "not measured yet" not in text


def test_too_few_runs_say_how_many_would_do_and_no_base_that_there_is_none() -> None:
    builders.case()
    builders.strategy(labels=["fix v3"])
    runs(1)
    runs(2, label="fix v3", moves=True)
    runs(1, label="a-strategy", release="6.17.1", moves=True)
    text = page()
    assert "too few runs: 5 on each side would do" in text and "nothing to compare with" in text


def test_a_base_that_is_labelled_so_goes_before_one_that_is_not() -> None:
    builders.case()
    builders.strategy()
    runs(5, moves=True)
    runs(5, label="base")
    runs(5, label="a-strategy", moves=True)
    assert "<b>differs</b>" in page()


def test_the_list_of_strategies_says_what_was_measured_of_which_case() -> None:
    builders.case()
    builders.case("unmeasured")
    builders.strategy(cases=("fuse-writeback", "unmeasured"))
    builders.strategy("another-strategy", ("fuse-writeback",))
    runs(5)
    runs(5, label="a-strategy", moves=True)
    runs(1, label="another-strategy")
    text = on_one_line(Client().get("/strategies/")).split('id="progress"')[1].split("</section>")[0]
    assert text.count("solves: fuse-writeback") == 1 and "unmeasured" not in text
    assert text.count("too few runs: fuse-writeback") == 1 and 'href="/strategies/a-strategy/#measured"' in text


def test_what_is_measured_of_a_draft_is_not_told_to_strangers() -> None:
    case = builders.case()
    builders.strategy(cases=("fuse-writeback", "other"))
    runs(2, label="a-strategy")
    assert "6.18.44" in page()
    case.document.state = "draft"
    case.document.save()
    assert "6.18.44" not in page() and "fuse-writeback" not in page()
