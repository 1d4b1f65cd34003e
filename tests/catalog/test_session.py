"""The page for the room."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import builders

pytestmark = pytest.mark.django_db


def slugs() -> list[str]:
    return [item.case.slug for item, *_ in Client().get("/agenda/").context["agenda"]]


def test_the_worst_stand_first_and_what_is_fixed_or_no_case_is_left_out() -> None:
    builders.case("bounded", bounds={"time": "short"})
    builders.case("worst")
    builders.case("device", controllers=["device"], bounds={"time": "short"})
    builders.case("done", status="fixed")
    builders.case("contrast", kind="contrast")
    assert slugs() == ["worst", "bounded", "device"]


def test_a_posted_strategy_takes_a_reason_away_and_an_idea_does_not() -> None:
    builders.case("one")
    builders.case("two")
    builders.strategy("posted", ("one",), states=[{"state": "posted", "version": "3"}])
    builders.strategy("idea", ("two",))
    items = {item.case.slug: item for item, *_ in Client().get("/agenda/").context["agenda"]}
    assert "nothing posted" not in items["one"].reasons and "nothing posted" in items["two"].reasons


def test_objections_and_the_open_question_are_there() -> None:
    builders.case("one", body="A summary.\n\n## Open question\n\nWho pays for the *copy*?")
    builders.strategy("idea", ("one",), objections=[{"id": "cost", "text": "It copies each page.", "by": "A. Reader"}])
    page = Client().get("/agenda/").content.decode()
    assert "It copies each page." in page and "unanswered" in page and "<em>copy</em>" in page


def test_it_asks_as_often_for_many_cases_as_for_few() -> None:
    """Cases, servings, strategies with their texts, tallies."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            slugs()
        return len(captured)

    builders.case("case-0")
    builders.strategy("strategy-0", ("case-0",))
    few = queries()
    for number in range(1, 8):
        builders.case(f"case-{number}")
        builders.strategy(f"strategy-{number}", (f"case-{number}", "case-0"))
    assert queries() == few


def test_what_it_was_called_leads_to_it_and_loses_nothing_that_was_typed() -> None:
    for old, new in (
        ("/session/", "/agenda/"),
        ("/session.md", "/agenda.md"),
        ("/session/7/?a=b%26c", "/agenda/7/?a=b%26c"),
    ):
        answer = Client().get(old)
        assert answer.status_code == 308 and answer["Location"] == new
    assert Client().post("/session/7/points/1/").status_code == 308, "a form of before is sent again as it was"
    assert Client().get("/session//evil.example/")["Location"] == "/agenda//evil.example/", "never to another host"
