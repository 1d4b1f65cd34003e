"""New people wait, readers flag, moderators hide and lock; and all of it is written down."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from discussion.comments import threads
from discussion.models import Comment, Flag, Visibility
from discussion.moderating import moderation
from people.models import Event, Role, User
from tests import builders

pytestmark = pytest.mark.django_db
CASE = "/cases/fuse-writeback/"


def newcomer(name: str = "new") -> User:
    user = builders.person(name)
    User.objects.filter(pk=user.pk).update(vouched=False)
    user.refresh_from_db()
    return user


def signed_in(user: User | None) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    return client


def page(user: User | None = None, path: str = CASE) -> str:
    return signed_in(user).get(path).content.decode()


@pytest.fixture
def editor() -> User:
    return builders.person("ed", Role.EDITOR)


def test_the_first_comment_of_a_newcomer_waits_until_it_is_let_through(editor: User) -> None:
    case, new = builders.case().document, newcomer()
    first = threads.say(case, new, "Hello there.")
    assert "Hello there." not in page() and "Hello there." not in page(builders.person())
    assert "waits for a moderator" in page(new) and "Hello there." in page(editor, "/moderation/")
    assert Client().get(f"/c/{first.pk}/").status_code == 404
    signed_in(editor).post(f"/c/{first.pk}/pass/", {"n": 0})
    assert "Hello there." in page()
    assert threads.say(case, new, "Again.").visibility == Visibility.SHOWN
    assert Event.objects.get(verb="comment.let_through").actor == editor


def test_who_was_added_by_hand_does_not_wait() -> None:
    assert threads.say(builders.case().document, builders.person(), "Hello.").visibility == Visibility.SHOWN


def test_a_reply_to_what_waits_is_refused_to_whom_it_is_hidden_from(editor: User) -> None:
    case = builders.case().document
    first = threads.say(case, newcomer(), "Hello there.")
    answer = signed_in(builders.person()).post(f"/discussion/{case.pk}/", {"text": "Hi", "parent": first.pk})
    assert answer.status_code == 422


def test_a_flag_reaches_the_moderators_with_its_reason(editor: User) -> None:
    comment = threads.say(builders.case().document, builders.person("loud"), "Buy this.")
    reader = builders.person()
    assert signed_in(reader).post(f"/c/{comment.pk}/flag/", {"why": ""}).status_code == 422
    assert signed_in(reader).post(f"/c/{comment.pk}/flag/", {"why": "An advertisement."}).status_code == 302
    signed_in(reader).post(f"/c/{comment.pk}/flag/", {"why": "An advertisement."})
    assert Flag.objects.count() == 1 and "An advertisement." in page(editor, "/moderation/")
    signed_in(editor).post(f"/c/{comment.pk}/settle/", {"n": 0})
    assert "An advertisement." not in page(editor, "/moderation/") and "Buy this." in page()


def test_ones_own_comment_is_not_flagged() -> None:
    author = builders.person()
    comment = threads.say(builders.case().document, author, "Mine.")
    assert signed_in(author).post(f"/c/{comment.pk}/flag/", {"why": "x"}).status_code == 403


def test_what_is_hidden_leaves_its_place_and_the_reason(editor: User) -> None:
    case = builders.case().document
    comment = threads.say(case, builders.person("loud"), "Buy this.")
    threads.say(case, builders.person(), "No, thanks.", comment)
    assert signed_in(editor).post(f"/c/{comment.pk}/hide/", {"why": ""}).status_code == 422
    signed_in(editor).post(f"/c/{comment.pk}/hide/", {"why": "An advertisement."})
    text = page()
    assert "Buy this." not in text and "Hidden by ed: An advertisement." in text and "No, thanks." in text
    assert "Buy this." in page(editor)
    for path in (f"/c/{comment.pk}/history/", f"/c/{comment.pk}/edit/"):
        assert signed_in(comment.author).get(path).status_code == 403
    assert "Buy this" not in page(builders.person(), f"/discussion/{case.pk}/?quote={comment.pk}")
    assert signed_in(builders.person()).get(f"/c/{comment.pk}/flag/").status_code == 403
    signed_in(editor).post(f"/c/{comment.pk}/show/")
    assert "Buy this." in page()
    told = Event.objects.filter(verb__in=("comment.hidden", "comment.shown")).order_by("id")
    assert [e.verb for e in told] == ["comment.hidden", "comment.shown"]
    assert told[0].data == {"comment": comment.pk, "on": "fuse-writeback", "why": "An advertisement."}


def test_a_moderator_decides_where_the_comment_stands_or_in_the_queue(editor: User) -> None:
    comment = threads.say(builders.case().document, newcomer(), "Hello there.")
    assert f'action="/c/{comment.pk}/pass/"' in page(editor)
    assert f'action="/c/{comment.pk}/resolve/"' not in page(editor)  # which would be refused
    place = signed_in(editor).post(f"/c/{comment.pk}/hide/", {"why": "Hello."})["Location"]
    assert place == f"{CASE}#c{comment.pk}" and f'action="/c/{comment.pk}/resolve/"' not in page(editor)
    assert signed_in(editor).post(f"/c/{comment.pk}/show/?from=queue")["Location"] == "/moderation/"
    assert f'action="/c/{comment.pk}/resolve/"' in page(editor)


def test_the_reason_of_a_lock_leads_to_where_it_goes_on(editor: User) -> None:
    moderation.lock(builders.case().document, editor, "Go on in #a-strategy, please.")
    builders.strategy()
    assert '<a href="/strategies/a-strategy/" rel="noopener nofollow ugc">#a-strategy</a>' in page()


def test_a_locked_discussion_takes_no_more_but_from_moderators(editor: User) -> None:
    case, author = builders.case().document, builders.person()
    comment = threads.say(case, author, "Before.")
    assert signed_in(editor).post(f"/discussion/{case.pk}/lock/", {"why": ""}).status_code == 422
    signed_in(editor).post(f"/discussion/{case.pk}/lock/", {"why": "It went in circles."})
    answer = signed_in(author).post(f"/discussion/{case.pk}/", {"text": "After."})
    assert answer.status_code == 409 and "It went in circles." in answer.content.decode()
    assert signed_in(author).post(f"/c/{comment.pk}/edit/", {"text": "After.", "base": 0}).status_code == 409
    assert 'id="say"' not in page(author) and "It went in circles." in page()
    assert signed_in(editor).post(f"/discussion/{case.pk}/", {"text": "Last word."}).status_code == 302
    signed_in(editor).post(f"/discussion/{case.pk}/lock/", {"locked": "no"})
    assert signed_in(author).post(f"/discussion/{case.pk}/", {"text": "After."}).status_code == 302
    verbs = Event.objects.filter(verb__startswith="discussion.").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["discussion.locked", "discussion.unlocked"]


@pytest.mark.parametrize("path", ["/c/{}/pass/", "/c/{}/hide/", "/c/{}/show/", "/c/{}/settle/", "/discussion/{}/lock/"])
def test_who_does_not_moderate_keeps_no_order(path: str) -> None:
    case = builders.case().document
    comment = threads.say(case, builders.person(), "Mine.")
    address = path.format(case.pk if "discussion" in path else comment.pk)
    assert signed_in(builders.person()).post(address, {"why": "x"}).status_code == 403
    assert Client().post(address, {"why": "x"})["Location"].startswith("/sign-in/")
    comment.refresh_from_db()
    assert comment.visibility == Visibility.SHOWN
    assert signed_in(builders.person()).get("/moderation/").status_code == 403


def test_so_much_is_said_in_ten_minutes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    case, author = builders.case().document, builders.person()
    for n in range(threads.MOST_IN_WINDOW):
        threads.say(case, author, f"{n}")
    answer = signed_in(author).post(f"/discussion/{case.pk}/", {"text": "One more."})
    assert answer.status_code == 429 and "One more." in answer.content.decode()
    later = timezone.now() + threads.WINDOW
    monkeypatch.setattr(timezone, "now", lambda: later)
    threads.say(case, author, "One more.")
    assert Comment.objects.count() == threads.MOST_IN_WINDOW + 1


def test_a_newcomer_may_say_less_before_anybody_looked() -> None:
    case, new = builders.case().document, newcomer()
    for n in range(threads.MOST_OF_A_NEWCOMER):
        threads.say(case, new, f"{n}")
    with pytest.raises(threads.TooMany):
        threads.say(case, new, "One more.")


def test_the_queue_asks_as_often_for_many_as_for_few(editor: User) -> None:
    def queries() -> int:

        with CaptureQueriesContext(connection) as seen:
            page(editor, "/moderation/")
        return len(seen)

    case = builders.case().document

    def some(n: int) -> None:
        threads.say(case, newcomer(f"new-{n}"), "Hello.")
        moderation.flag(threads.say(case, builders.person(), "Flagged."), editor, "Why.")
        moderation.hide(threads.say(case, builders.person(), "Hidden."), editor, "Why.")

    some(0)
    few = queries()
    for n in range(1, 6):
        some(n)
    assert queries() == few
