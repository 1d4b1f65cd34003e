"""Quoting, previewing, editing, resolving, naming."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from catalog.models import Document
from discussion.comments import threads
from discussion.models import Comment
from people.models import Event, Role, User
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def jane() -> User:
    return builders.person("jane")


@pytest.fixture
def comment(jane: User) -> Comment:
    return threads.say(builders.case().document, jane, "It *waits*.\n\nFor ever.")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_quote_link_opens_a_reply_that_begins_with_the_words(comment: Comment) -> None:
    text = signed_in(builders.person()).get(f"/discussion/{comment.document_id}/?quote={comment.pk}").content.decode()
    assert f"what {comment.author.shown_name} said" in text
    assert "jane wrote:\n\n&gt; It *waits*.\n&gt;\n&gt; For ever.\n" in text
    assert f'name="parent" value="{comment.pk}"' in text


@pytest.mark.parametrize("number", ["", "x", "0", "9" * 30, "²"])
def test_a_quote_of_nothing_is_an_empty_form(comment: Comment, number: str) -> None:
    answer = signed_in(builders.person()).get(f"/discussion/{comment.document_id}/?quote={number}")
    assert answer.status_code == 200 and "wrote:" not in answer.content.decode()


def test_a_preview_shows_it_and_says_nothing_yet(comment: Comment) -> None:
    fields = {"text": "So *it* is.", "preview": "1", "parent": str(comment.pk)}
    answer = signed_in(builders.person()).post(f"/discussion/{comment.document_id}/", fields)
    text = answer.content.decode()
    assert answer.status_code == 200 and "So <em>it</em> is." in text and ">\nSo *it* is.</textarea>" in text
    assert Comment.objects.count() == 1


def test_a_diff_is_coloured(comment: Comment) -> None:
    threads.say(comment.document, comment.author, "```diff\n-old\n+new\n```")
    text = Client().get("/cases/fuse-writeback/").content.decode()
    assert '<span class="gd">-old' in text and '<span class="gi">+new' in text


def test_cases_strategies_kernels_and_people_that_are_named_are_linked(comment: Comment) -> None:
    builders.strategy()
    builders.settled()
    said = "See #fuse-writeback, #a-strategy. On #6.18.44, @jane; not #nothing, x#a-strategy, `#a-strategy` or @nobody."
    threads.say(comment.document, comment.author, said)
    text = Client().get("/cases/fuse-writeback/").content.decode()
    said = text[text.index("See <a") :].split("</p>")[0]
    for word, address in (("#fuse-writeback", "/cases/fuse-writeback/"), ("#a-strategy", "/strategies/a-strategy/"),
                          ("#6.18.44", "/kernels/6.18.44/"), ("@jane", "/people/jane/")):  # fmt: skip
        assert said.count(f'<a href="{address}" rel="noopener nofollow ugc">{word}</a>') == 1
        assert Client().get(address).status_code == 200
    assert said.count("<a ") == 4


def test_a_kernel_is_found_by_each_of_its_names_where_it_may_be_seen(comment: Comment) -> None:
    arm = {"architecture": "x86_64"}
    builders.settled(kernel={"release": "6.15.0", **arm})
    builders.settled(kernel={"release": "6.16.0-rc2", **arm})
    builders.settled(kernel={"release": "6.14.0-4-amd64", **arm})
    draft = builders.case("hidden-draft")
    builders.settled(builders.run(case="hidden-draft"), kernel={"release": "6.13.0", **arm})
    Document.objects.filter(pk=draft.document_id).update(state="draft")
    threads.say(comment.document, comment.author, "See #6.15, #v6.15, #6.15.0, #v6.16-rc2; not #6.14, #6.16 or #6.13.")
    text = Client().get("/cases/fuse-writeback/").content.decode()
    said = text[text.index("See <a") :].split("</p>")[0]
    assert re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)<', said) == [
        *(("/kernels/6.15.0/", word) for word in ("#6.15", "#v6.15", "#6.15.0")),
        ("/kernels/6.16.0-rc2/", "#v6.16-rc2"),
    ]


def edit(user: User, comment: Comment, text: str = "It *slept*.", base: int = 0, **more: str) -> object:
    return signed_in(user).post(f"/c/{comment.pk}/edit/", {"text": text, "base": base, **more})


def test_an_edit_keeps_what_was_said_before(comment: Comment, jane: User) -> None:
    answer = edit(jane, comment)
    assert answer["Location"] == f"/cases/fuse-writeback/#c{comment.pk}"
    assert "It <em>slept</em>." in Client().get("/cases/fuse-writeback/").content.decode()
    history = Client().get(f"/c/{comment.pk}/history/").content.decode()
    assert '<span class="gd">-It *waits*.\n</span>' in history and '<span class="gi">+It *slept*.\n</span>' in history
    assert Event.objects.get(verb="comment.edited").data == {"comment": comment.pk, "n": 1}


def test_saving_without_a_change_is_no_edit(comment: Comment, jane: User) -> None:
    edit(jane, comment, comment.text)
    comment.refresh_from_db()
    assert (comment.nr_earlier, comment.edited_at) == (0, None)


def test_two_edits_at_once_show_the_difference_and_overwrite_nothing(comment: Comment, jane: User) -> None:
    edit(jane, comment, "The first.")
    answer = edit(jane, comment, "The second.")
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "-The first." in text and "+The second." in text and 'name="base" value="1"' in text
    comment.refresh_from_db()
    assert comment.text == "The first."
    assert edit(jane, comment, "The second.", base=1).status_code == 302


def test_only_its_author_edits_a_comment(comment: Comment) -> None:
    assert edit(builders.person(role=Role.MAINTAINER), comment).status_code == 403
    assert Client().post(f"/c/{comment.pk}/edit/", {"text": "x", "base": 0})["Location"].startswith("/sign-in/")
    comment.refresh_from_db()
    assert comment.nr_earlier == 0


def test_a_preview_of_an_edit_changes_nothing(comment: Comment, jane: User) -> None:
    assert "It <em>slept</em>." in edit(jane, comment, preview="1").content.decode()
    comment.refresh_from_db()
    assert comment.nr_earlier == 0


def test_a_permalink_leads_to_the_place(comment: Comment) -> None:
    assert Client().get(f"/c/{comment.pk}/")["Location"] == f"/cases/fuse-writeback/#c{comment.pk}"
    assert Client().get("/c/0/").status_code == 404


def test_who_began_a_thread_and_editors_resolve_it(comment: Comment, jane: User) -> None:
    def resolve(user: User, yes: str) -> int:
        code: int = signed_in(user).post(f"/c/{comment.pk}/resolve/", {"resolved": yes}).status_code
        comment.refresh_from_db()
        return code

    assert resolve(builders.person(), "yes") == 403 and comment.resolved_at is None
    assert resolve(jane, "yes") == 302 and comment.resolved_at is not None
    assert 'class="state fixed">resolved</span> jane' in Client().get("/cases/fuse-writeback/").content.decode()
    assert resolve(builders.person(role=Role.EDITOR), "no") == 302 and comment.resolved_at is None
    verbs = Event.objects.filter(verb__in=("comment.resolved", "comment.reopened")).values_list("verb", flat=True)
    assert list(verbs.order_by("id")) == ["comment.resolved", "comment.reopened"]


def test_a_reply_is_no_thread_to_resolve(comment: Comment, jane: User) -> None:
    reply = threads.say(comment.document, jane, "Indeed.", comment)
    assert signed_in(jane).post(f"/c/{reply.pk}/resolve/", {"resolved": "yes"}).status_code == 403
