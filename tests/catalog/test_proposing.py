"""Proposing a strategy in the browser."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client

from catalog.documents.parser import parse
from catalog.documents.schema import StrategyText
from catalog.models import Strategy
from people.models import Event, Role
from tests import builders

pytestmark = pytest.mark.django_db

FORM = {
    "title": "Let MIGRATE_SYNC skip it",
    "approach": "bound_time",
    "summary": "It would *skip* what is under writeback.",
    "question": "For how long?",
    "case_1": "fuse-writeback",
    "effect_1": "solves",
    "why_1": "Nobody waits.",
    "case_2": "other",
    "effect_2": "helps",
    "why_2": "Fewer wait.",
}


@pytest.fixture(autouse=True)
def cases() -> None:
    builders.case()
    builders.case("other")


def propose(role: str = Role.CONTRIBUTOR, **changed: str) -> HttpResponse:
    client = Client()
    if role:
        client.force_login(builders.person(role=role))
    return client.post("/strategies/new/", {**FORM, **changed})  # type: ignore[return-value]


def proposed() -> StrategyText:
    document = Strategy.objects.select_related("document__current").get().document
    assert document.current is not None
    text = parse(document.current.text)
    assert isinstance(text, StrategyText)
    return text


def test_a_proposal_is_a_strategy_on_both_its_cases() -> None:
    answer = propose()
    assert answer["Location"] == "/strategies/let-migrate-sync-skip-it/"
    for path in ("/cases/fuse-writeback/", "/cases/other/", "/strategies/", answer["Location"]):
        assert "Let MIGRATE_SYNC skip it" in Client().get(path).content.decode()
    made = proposed()
    assert [(s.case, s.effect, s.why) for s in made.cases] == [
        ("fuse-writeback", "solves", "Nobody waits."),
        ("other", "helps", "Fewer wait."),
    ]
    assert (made.state.state, made.sections) == ("idea", {"Open question": "For how long?"})
    event = Event.objects.get(verb="strategy.proposed")
    assert event.actor is not None and made.driver == event.actor.shown_name


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"title": ""}, "This field is required."),
        ({"title": "Short"}, "at least 8 characters"),
        ({"title": "x" * 121}, "at most 120 characters"),
        ({"title": "?!?!?!?!?!"}, "Use some letters or digits"),
        ({"title": "New ?!?!?!"}, "Use some more letters or digits"),
        ({"title": "A \x00 character"}, "Null characters are not allowed."),
        ({"approach": "magic"}, "Select a valid choice."),
        ({"summary": "Too short"}, "at least 20 characters"),
        ({"summary": "x" * 4_001}, "at most 4000 characters"),
        ({"summary": "# a\n" * 999}, "longer than 4000 characters"),
        ({"summary": "Some code that stays open:\n```\n"}, "A block of code is left open"),
        ({"case_1": "", "case_2": ""}, "This field is required."),
        ({"case_1": "unknown"}, "Select a valid choice."),
        ({"why_1": ""}, "This field is required."),
        ({"why_2": ""}, "Say why."),
        ({"case_2": "fuse-writeback"}, "This case is named above already."),
        ({"effect_1": "breaks"}, "Select a valid choice."),
    ],
)
def test_a_bad_proposal_is_told_and_kept_in_the_form(changed: dict[str, str], message: str) -> None:
    answer = propose(**changed)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert (message in text and "Fewer wait." in text) or "why_2" in changed
    assert not Strategy.objects.exists()


def test_a_name_is_given_once() -> None:
    propose()
    answer = propose()
    assert answer.status_code == 422 and "There is a strategy of this name already." in answer.content.decode()


def test_headings_of_a_summary_end_no_section_of_the_document() -> None:
    propose(
        summary="First of all:\r\n\r\n## Open question\r\n\r\n# Whatever\r\n\r\n### Fine",
        question="## Trade-offs\r\nNone",
    )
    made = proposed()
    assert made.summary == "First of all:\n\n#### Open question\n\n### Whatever\n\n### Fine"
    assert made.sections == {"Open question": "#### Trade-offs\nNone"}


def test_code_stays_as_it_was_typed() -> None:
    code = "Run this:\n\n```\n# echo 1\n## two\n```"
    propose(summary=code.replace("\n", "\r\n"))
    assert proposed().summary == code


def test_a_stranger_is_asked_to_sign_in() -> None:
    answer = propose("")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/?next=/strategies/new/")
    assert not Strategy.objects.exists()


def test_a_reader_may_not_propose() -> None:
    assert propose(Role.READER).status_code == 403
    assert not Strategy.objects.exists()


def test_the_form_comes_with_the_case_one_came_from() -> None:
    client = Client()
    client.force_login(builders.person())
    assert '<option value="other" selected>' in client.get("/strategies/new/?case=other").content.decode()
