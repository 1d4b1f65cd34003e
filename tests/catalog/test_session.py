"""The page for the room."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import builders

pytestmark = pytest.mark.django_db


def slugs() -> list[str]:
    return [row.item.case.slug for row in Client().get("/agenda/").context["agenda"]]


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
    items = {row.item.case.slug: row.item for row in Client().get("/agenda/").context["agenda"]}
    assert "nothing posted" not in items["one"].reasons and "nothing posted" in items["two"].reasons


def test_objections_and_the_open_question_are_there() -> None:
    builders.case("one", body="A summary.\n\n## Open question\n\nWho pays for the *copy*?")
    builders.strategy("idea", ("one",), objections=[{"id": "cost", "text": "It copies each page.", "by": "A. Reader"}])
    page = Client().get("/agenda/").content.decode()
    assert "It copies each page." in page and "unanswered" in page and "<em>copy</em>" in page


@pytest.mark.parametrize(
    ("question", "strategies", "said"),
    [
        ("It is held. Who pays for the `copy`? Nobody knows.", [], "Who pays for the copy?"),
        ("It costs a copy.", [], "It costs a copy."),
        ("", [], "Nothing is proposed. Who could look at it, or is it to stay as it is?"),
        ("", ["rejected"], "Nothing is proposed. Who could look at it, or is it to stay as it is?"),
        ("", ["idea"], "Should “The strategy s0” be written and posted?"),
        ("", ["idea", "posted"], "Should “The strategy s1” be merged?"),
        ("", ["posted", "idea!"], "Should “The strategy s0” be merged?"),
        ("", ["idea!"], "What is the answer to an objection to “The strategy s0”?"),
    ],
)
def test_each_row_has_one_line_of_what_to_decide(question: str, strategies: list[str], said: str) -> None:
    """`!`: with an objection that nobody answered."""
    body = f"A summary.\n\n## Open question\n\n{question}" if question else "A summary."
    builders.case("one", body=body)
    for n, state in enumerate(strategies):
        objections = [{"id": "cost", "text": "It costs."}] if state.endswith("!") else []
        builders.strategy(f"s{n}", ("one",), states=[{"state": state.rstrip("!")}], objections=objections)
    (row,) = Client().get("/agenda/").context["agenda"]
    assert row.item.to_decide == said
    assert f'<p class="decide">{said}</p>' in Client().get("/agenda/").content.decode()


def test_a_strategy_of_two_cases_and_its_objections_are_told_once() -> None:
    builders.case("one")
    builders.case("two", bounds={"time": "short"})
    builders.strategy("own", ("two",))
    builders.strategy("shared", ("one", "two"), objections=[{"id": "cost", "text": "It copies each page."}])
    page = Client().get("/agenda/")
    numbers = {
        row.item.case.slug: [(p.serving.strategy.slug, p.number) for p in row.item.proposals]
        for row in page.context["agenda"]
    }
    assert numbers == {"one": [("shared", 1)], "two": [("own", 2), ("shared", 1)]}
    text = page.content.decode()
    assert (
        text.count("It copies each page.") == 1 and text.count('href="#way-1"') == 2 and text.count('id="way-1"') == 1
    )


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
