"""The drawing of how far strategies are: its bars are the data, and nothing is left out of its sum."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from catalog.pages.listing import pipeline
from tests import builders

pytestmark = pytest.mark.django_db


def test_the_bars_are_the_states_and_the_sum_is_all_of_them() -> None:
    builders.case("one")
    for slug, state in (("a", "idea"), ("b", "posted"), ("c", "backported"), ("d", "rejected"), ("e", "idea")):
        builders.strategy(slug, ("one",), states=[{"state": state}])
    page = Client().get("/strategies/").content.decode()
    drawn = [svg.count('class="done"') for svg in re.findall(r'<svg class="way".*?</svg>', page, re.DOTALL)]
    assert drawn == [5, 2, 1, 1, 0] == [way.reached for way in Client().get("/strategies/").context["ways"]]
    assert "2 idea, 1 posted, 1 backported, 1 rejected." in " ".join(page.split())
    assert 'aria-label="posted, step 2 of 5"' in page and 'aria-label="rejected"' in page
    states = {one["strategy"]: one["state"] for one in Client().get("/api/v1/strategies/").json()["results"]}
    assert [states[slug] for slug in "abcde"] == ["idea", "posted", "backported", "rejected", "idea"], (
        "the same as JSON"
    )


def test_a_state_that_this_site_does_not_know_is_counted_too() -> None:
    builders.case("one")
    strategy = builders.strategy("a", ("one",))
    strategy.state = "of-a-later-release"
    (way,) = pipeline.of([strategy], (), {})
    assert way.reached == 0 and pipeline.stages([way]) == [("of-a-later-release", 1)]
