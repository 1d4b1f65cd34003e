"""Saying something of a case or a strategy."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Document
from discussion.comments import threads
from discussion.models import Comment
from people.models import Event, Role, User
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def case() -> Document:
    return builders.case().document


def say(document: Document, user: User | None, **fields: object) -> Any:
    client = Client()
    if user:
        client.force_login(user)
    return client.post(f"/discussion/{document.pk}/", {"text": "It waits.", **fields})


def page(path: str) -> str:
    return Client().get(path).content.decode()


def test_what_was_said_stands_on_the_page_and_in_the_journal(case: Document) -> None:
    jane = builders.person("jane")
    answer = say(case, jane, text="It *waits*.")
    comment = Comment.objects.get()
    assert answer["Location"] == f"/cases/fuse-writeback/#c{comment.pk}"
    text = page("/cases/fuse-writeback/")
    assert "It <em>waits</em>." in text and "<b>jane</b>" in text
    event = Event.objects.get(verb="comment.made")
    assert (event.actor, event.subject, event.data) == (jane, "fuse-writeback", {"comment": comment.pk})


def test_a_reply_stands_below_its_parent(case: Document) -> None:
    first = threads.say(case, builders.person(), "First.")
    say(case, builders.person(), parent=first.pk)
    assert Comment.objects.get(parent=first).document == case


def test_what_is_said_of_a_strategy_stands_on_each_case_that_it_serves(case: Document) -> None:
    builders.case("other")
    builders.case("unserved")
    strategy = builders.strategy(cases=("fuse-writeback", "other"))
    say(strategy.document, builders.person(), text="Of the strategy.")
    for path in ("/strategies/a-strategy/", "/cases/fuse-writeback/", "/cases/other/"):
        assert page(path).count("Of the strategy.") == 1
    assert 'on <a href="/strategies/a-strategy/">' in page("/cases/other/")
    assert "Of the strategy." not in page("/cases/unserved/")


def test_what_is_said_of_a_case_stays_there(case: Document) -> None:
    builders.strategy()
    say(case, builders.person(), text="Of the case.")
    assert "Of the case." not in page("/strategies/a-strategy/")


def test_a_stranger_is_asked_to_sign_in_and_a_reader_may_not(case: Document) -> None:
    assert say(case, None)["Location"].startswith("/sign-in/?next=")
    assert say(case, builders.person(role=Role.READER)).status_code == 403
    assert say(case, builders.person(role=Role.CONTRIBUTOR)).status_code == 302
    assert Comment.objects.count() == 1


def test_the_form_is_shown_to_whom_may_use_it(case: Document) -> None:
    client = Client()
    assert "Sign in to comment" in page("/cases/fuse-writeback/")
    client.force_login(builders.person())
    assert 'id="say"' in client.get("/cases/fuse-writeback/").content.decode()


def test_a_parent_of_another_document_is_refused(case: Document) -> None:
    elsewhere = threads.say(builders.case("other").document, builders.person(), "Elsewhere.")
    for parent in (elsewhere.pk, 10**30, "x", "\x00"):
        answer = say(case, builders.person(), parent=parent)
        assert answer.status_code == 422 and "It waits." in answer.content.decode()
    assert Comment.objects.count() == 1


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001, "a\x00b"])
def test_a_bad_text_is_told(case: Document, text: str) -> None:
    assert say(case, builders.person(), text=text).status_code == 422
    assert not Comment.objects.exists()


def test_the_longest_text_is_kept_whole(case: Document) -> None:
    say(case, builders.person(), text="x" * 20_000)
    assert len(Comment.objects.get().text) == 20_000


def test_nothing_is_said_by_reading_or_of_what_is_not_there(case: Document) -> None:
    client = Client()
    client.force_login(builders.person())
    assert "Add a comment" in client.get(f"/discussion/{case.pk}/").content.decode()
    assert not Comment.objects.exists()
    assert client.post("/discussion/0/", {"text": "x"}).status_code == 404
    assert client.post(f"/discussion/{10**30}/", {"text": "x"}).status_code == 404


def test_a_form_from_elsewhere_says_nothing(case: Document) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(builders.person())
    address = f"/discussion/{case.pk}/"
    assert client.post(address, {"text": "x"}).status_code == 403
    client.get("/cases/fuse-writeback/")
    token = client.cookies["csrftoken"].value
    assert client.post(address, {"text": "x", "csrfmiddlewaretoken": token}).status_code == 302
    assert Comment.objects.count() == 1


def test_a_long_discussion_asks_no_more_questions_than_a_short_one(case: Document) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            page("/cases/fuse-writeback/")
        return len(seen)

    strategy = builders.strategy()
    last = threads.say(case, builders.person(), "First, of #fuse-writeback and @jane.")
    threads.say(strategy.document, builders.person("jane"), "Of the strategy.")
    few = queries()
    for n in range(12):
        last = threads.say(case, builders.person(), f"Reply {n}, of #fuse-writeback and @jane.", last)
        threads.say(strategy.document, builders.person(), f"More {n}.")
    assert queries() == few


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"text": "x", "parent": 1e400}', 400),
        (b'{"text": "x", "parent": NaN}', 400),
        (b"[" * 5_000 + b"]" * 5_000, 400),
        (b'{"text": "x", "parent": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
        (b'{"text": "' + b"x" * 300_000 + b'"}', 400),
        (b'{"text": "x", "parent": ' + b"1" * 5_000 + b"}", 400),
        (b'{"text": "x", "parent": ' + b"1" * 40 + b"}", 422),
        (b'{"text": "x", "parent": 1.5}', 422),
        (b'{"text": "x", "parent": [1]}', 422),
        (b'{"text": "x", "parent": true}', 422),
        (b'{"text": "\xff"}', 400),
        (b'{"text": "\\u0000"}', 422),
        (b'{"text": "x", "parent": null}', 201),
    ],
)
def test_json_that_is_none_or_no_number_of_a_comment_is_told_to_its_sender(body: bytes, status: int) -> None:
    builders.case()
    client = Client()
    client.force_login(builders.person())
    answer = client.post("/api/v1/cases/fuse-writeback/comments/", body, content_type="application/json")
    assert answer.status_code == status, answer.content
