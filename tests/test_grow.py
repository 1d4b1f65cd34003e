"""What `make grow` names: whatever grows more than what it shows, or than what is in it."""

from __future__ import annotations

from typing import Any

from bench import grow
from bench.fleet import Fleet
from bench.pages import Cost


def step(observations: int, **more: Any) -> grow.Step:
    return grow.Step(observations, Fleet(), **more)


def cost(queries: int, buffers: int, shown_bytes: int) -> Cost:
    return Cost(queries, buffers, 1.0, 1.0, shown_bytes)


def test_steps_are_tenfold_and_their_fleets_double() -> None:
    made = grow.fleets(1_000_000)
    assert list(made) == [10_000, 100_000, 1_000_000]
    assert [(one.builds, one.machines) for one in made.values()] == [(5, 2), (10, 4), (20, 8)]
    assert list(grow.fleets(999_999)) == [10_000, 100_000]


def test_a_step_that_would_not_be_over_in_time_is_not_begun() -> None:
    assert grow.fits(took=100, spent=200, minutes=10)
    assert not grow.fits(took=100, spent=201, minutes=10)


def test_a_page_may_touch_as_much_more_as_it_shows_and_ask_no_more() -> None:
    few = {"/same": cost(3, 100, 5_000), "/shows": cost(3, 100, 5_000), "/hides": cost(3, 100, 5_000)}
    many = {"/same": cost(3, 130, 5_000), "/shows": cost(3, 400, 20_000), "/hides": cost(3, 400, 5_000)}
    few["/asks"], many["/asks"] = cost(3, 100, 5_000), cost(4, 100, 50_000)
    found = grow.grown_pages(step(10, pages=few), step(100, pages=many))
    assert found == {"/hides": "4.0 times the buffers, 1.0 times the answer", "/asks": "3 queries, then 4"}


def test_a_page_that_asks_nothing_is_no_division_by_zero() -> None:
    pages = {"/method/": cost(0, 0, 0)}
    assert grow.grown_pages(step(10, pages=pages), step(100, pages=pages)) == {}


def test_a_table_may_take_as_much_more_as_there_is_more() -> None:
    found = grow.grown_tables(
        step(10, tables={"even": 1_000, "more": 1_000}),
        step(100, tables={"even": 10_000, "more": 14_000, "new": 99_000}),
    )
    assert found == {"more": "14 times the room, 10 times the observations"}


def test_a_rate_that_falls_is_named_and_a_slower_machine_is_not() -> None:
    slower = grow.fallen_rates(step(10, taken=400, bare=1_000, settled=400), step(100, taken=40, bare=100, settled=39))
    assert slower == {}
    fell = grow.fallen_rates(
        step(10, taken=400, bare=1_000, settled=400), step(100, taken=200, bare=1_000, settled=200)
    )
    assert fell == {"taken, of the bare view's": "0.40, then 0.20", "settled, of the bare view's": "0.40, then 0.20"}
