"""Whoever signed up, and whom nobody vouched for: nothing that they write stands in the catalog unseen."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from catalog.models import Document, Strategy
from catalog.pages import events
from discussion.comments import threads, views
from discussion.models import Comment, Flag, Visibility
from discussion.moderating import moderation
from people.models import Role, User
from tests import builders

pytestmark = pytest.mark.django_db
STRATEGY = "/strategies/a-strategy/"


@pytest.fixture
def eve() -> User:
    builders.case()
    builders.strategy()
    made = builders.person("eve")
    User.objects.filter(pk=made.pk).update(vouched=False)
    return User.objects.get(pk=made.pk)


def codes(who: User) -> list[int]:
    client = Client()
    client.force_login(who)
    said = {"text": "Buy it at example.org.", "whose": "Eve"}
    return [
        client.post(f"{STRATEGY}object/", said).status_code,
        client.post(f"{STRATEGY}drive/").status_code,
        client.get("/strategies/new/").status_code,
    ]


def test_a_newcomer_writes_into_no_strategy_until_a_comment_was_let_through(eve: User) -> None:
    document = Strategy.objects.get().document
    assert codes(eve) == [403, 403, 403]
    assert document.revisions.count() == 1
    comment = threads.say(document, eve, "A first comment.")
    assert codes(eve) == [403, 403, 403]
    moderation.let_through(comment, builders.person(role=Role.EDITOR), 0)
    assert codes(User.objects.get(pk=eve.pk)) == [302, 302, 200]
    assert document.revisions.count() == 3


def test_the_history_of_a_comment_stays_short_however_often_it_was_edited(eve: User) -> None:
    builder = builders.person()
    comment = threads.say(Strategy.objects.get().document, builder, "text 1")
    for n in range(2, views.TEXTS_SHOWN + 4):
        threads.edit(comment, builder, f"text {n}", n - 2)
    page = Client().get(f"/c/{comment.pk}/history/").content.decode()
    assert page.count("<h2>Text ") == views.TEXTS_SHOWN and "3 older texts" in page
    assert "<h2>Text 3," not in page and ">-text 3<" in page.replace("\n", "")


def test_that_a_comment_waits_is_told_to_no_stranger_by_the_journal(eve: User) -> None:
    document = Strategy.objects.get().document
    waiting = threads.say(document, eve, "Buy it at example.org.")
    threads.edit(waiting, eve, "Buy two.", 0)
    threads.say(document, builders.person("jane"), "Something to the point.")
    told = events.visible_to(AnonymousUser()).filter(verb__startswith="comment.")
    assert list(told.values_list("actor__username", flat=True)) == ["jane"]
    page = Client().get("/people/eve/").content.decode()
    assert "Commented" not in page
    moderation.let_through(waiting, builders.person(role=Role.EDITOR), 1)
    assert "Commented" in Client().get("/people/eve/").content.decode()


def test_of_what_waits_no_earlier_text_is_kept_and_edits_end(eve: User) -> None:
    waiting = threads.say(Strategy.objects.get().document, eve, "text 0")
    for n in range(threads.MOST_EDITS_WAITING):
        waiting = threads.edit(waiting, eve, f"text {n + 1}", n)
    with pytest.raises(threads.CannotBeSaid, match="up to 20 times"):
        threads.edit(waiting, eve, "one more", threads.MOST_EDITS_WAITING)
    assert not waiting.earlier.exists()
    moderation.let_through(waiting, builders.person(role=Role.EDITOR), threads.MOST_EDITS_WAITING)
    waiting = threads.edit(waiting, eve, "mended", threads.MOST_EDITS_WAITING)
    assert [earlier.text for earlier in waiting.earlier.all()] == ["text 20"]
    assert Client().get(f"/c/{waiting.pk}/history/").status_code == 200


def test_edits_of_what_is_shown_end_too() -> None:
    builders.case()
    comment = threads.say(Document.objects.get(), builders.person("jane"), "text 0")
    Comment.objects.filter(pk=comment.pk).update(nr_earlier=threads.MOST_EDITS)
    with pytest.raises(threads.CannotBeSaid, match="up to 100 times"):
        threads.edit(comment, comment.author, "one more", threads.MOST_EDITS)


@pytest.mark.parametrize(("act", "n"), [("pass", 0), ("pass", None), ("pass", "x"), ("settle", 0)])
def test_a_moderators_word_is_on_the_text_that_was_read(eve: User, act: str, n: object) -> None:
    """Its author put another text into its place meanwhile."""
    waiting = threads.say(Strategy.objects.get().document, eve, "Something to the point.")
    moderation.flag(waiting, builders.person(), "look")
    threads.edit(waiting, eve, "Buy it at example.org.", 0)
    editor = Client()
    editor.force_login(builders.person(role=Role.EDITOR))
    sent = {} if n is None else {"n": n}
    answer = editor.post(f"/c/{waiting.pk}/{act}/?from=queue", sent, follow=True).content.decode()
    assert "changed this comment since you read it" in answer
    waiting.refresh_from_db()
    assert waiting.visibility == Visibility.WAITING and Flag.objects.get().settled_at is None
    assert not User.objects.get(pk=eve.pk).vouched
    assert editor.post(f"/c/{waiting.pk}/{act}/?from=queue", {"n": 1}).status_code == 302
    waiting.refresh_from_db()
    assert (waiting.visibility == Visibility.SHOWN) == (act == "pass")
    assert (Flag.objects.get().settled_at is not None) == (act == "settle")
