"""Mail of what is said, to those who follow it or are named: once, with a way out, and nothing lost."""

from __future__ import annotations

import re
import socket
import threading
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection, transaction
from django.test import Client

from catalog.models import Document
from discussion.comments import threads
from discussion.models import Comment
from discussion.moderating import moderation
from mailing import tasks
from mailing.follows import following, subjects
from mailing.models import Cadence, Follow, Notice
from mailing.outbox import fan_out, sending
from people import journal
from people.models import Role, User
from tests import builders

# Lines of the journal get their places once they are committed, so this needs real transactions.
pytestmark = pytest.mark.django_db(transaction=True)


def reader(name: str, verified: bool = True) -> User:
    user = builders.person(name)
    EmailAddress.objects.create(user=user, email=f"{name}@example.org", verified=verified, primary=True)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def case() -> Document:
    return builders.case().document


@pytest.fixture
def fan(case: Document) -> User:
    user = reader("fan")
    follow(user, case)
    return user


def follow(user: User, document: Document, cadence: str = Cadence.AT_ONCE) -> Follow:
    return following.set_cadence(user, subjects.of_document(document).subject, cadence)


def told() -> list[tuple[str, str]]:
    tasks.tell()
    return [(message.to[0], str(message.subject)) for message in mail.outbox]


def test_who_follows_a_case_is_told_once_what_others_say(case: Document, fan: User) -> None:
    threads.say(case, builders.person("ann"), "It *waits*.")
    threads.say(case, fan, "Indeed.")
    assert told() == [("fan@example.org", "[unmigratable] fuse-writeback: commented")]
    assert told() == [("fan@example.org", "[unmigratable] fuse-writeback: commented")]
    message = mail.outbox[0]
    assert "ann on fuse-writeback:\n\nIt *waits*.\n" in str(message.body)
    assert message.message()["Auto-Submitted"] == "auto-generated"


def test_what_is_said_of_a_strategy_reaches_who_follows_its_case(case: Document, fan: User) -> None:
    threads.say(builders.strategy().document, builders.person(), "Of the strategy.")
    threads.say(builders.strategy("other", ("another",)).document, builders.person(), "Of another.")
    assert told() == [("fan@example.org", "[unmigratable] a-strategy: commented")]


def test_who_is_named_is_told_unless_they_want_no_such_mail(case: Document) -> None:
    reader("ben")
    eve = reader("eve")
    User.objects.filter(pk=eve.pk).update(mails_mentions=False)
    threads.say(case, builders.person(), "@ben, @eve and @nobody should look.")
    assert told() == [("ben@example.org", "[unmigratable] fuse-writeback: commented")]


def test_an_address_that_is_not_proved_and_who_may_not_see_it_get_nothing(case: Document, fan: User) -> None:
    follow(reader("unproved", verified=False), case)
    threads.say(case, builders.person(), "Said.")
    Document.objects.filter(pk=case.pk).update(state="draft")
    assert told() == [] and not Notice.objects.filter(settled_at=None).exists()


def test_what_waits_is_told_when_it_is_let_through_and_what_is_hidden_never(case: Document, fan: User) -> None:
    new = builders.person("new")
    User.objects.filter(pk=new.pk).update(vouched=False)
    comment = threads.say(case, User.objects.get(pk=new.pk), "First.")
    assert told() == []
    moderation.let_through(comment, builders.person("ed", Role.EDITOR), 0)
    assert len(told()) == 1
    bad = threads.say(case, builders.person(), "Rude.")
    moderation.hide(bad, User.objects.get(username="ed"), "Rude.")
    assert len(told()) == 1


def test_one_click_ends_it_without_signing_in(case: Document, fan: User) -> None:
    threads.say(case, builders.person(), "Said.")
    told()
    address = str(mail.outbox[0].message()["List-Unsubscribe"]).strip("<>").removeprefix("http://127.0.0.1:8000")
    client = Client(enforce_csrf_checks=True)
    assert client.get(address).status_code == 200 and Follow.objects.get().cadence == "at_once"
    assert client.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Follow.objects.get().cadence == "off"
    assert client.post(re.sub(r"/[^/]+/$", "/forged/", address)).status_code == 404


def test_one_round_sends_so_many_over_one_connection_and_leaves_the_others_to_the_next(
    case: Document, fan: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.open", lambda self: opened.append(id(self)))
    author = builders.person()
    for number in range(3):
        threads.say(case, author, f"Said {number}.")
    fan_out.note_all()
    assert sending.send_all(most=2) is False and len(mail.outbox) == 2
    assert len(opened) == 2 and len(set(opened)) == 1
    assert sending.send_all(seconds=0) is False and len(mail.outbox) == 2
    assert sending.send_all() is True and len(mail.outbox) == 3


def test_a_mail_server_that_hangs_is_asked_once_a_round(case: Document, fan: User, settings: Any) -> None:
    author = builders.person()
    for number in range(4):
        threads.say(case, author, f"Said {number}.")
    fan_out.note_all()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system answers for it, and it says nothing
        silent.setblocking(False)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        settings.EMAIL_TIMEOUT = 0.05
        assert sending.send_all() is True, "not again at once"
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert sorted(Notice.objects.values_list("tries", flat=True)) == [0, 0, 0, 1]


def test_a_line_that_is_committed_late_is_not_missed(case: Document, fan: User) -> None:
    """A transaction that began first and ends last holds up nobody else, and is told of when it ends."""
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                author = User.objects.get(username="slow")
                made = Comment.objects.create(document=case, author=author, text="Slow.")
                journal.record("comment.made", "case", case.slug, author, comment=made.pk)
                begun.set()
                go.wait(20)
        finally:
            connection.close()

    builders.person("slow")
    thread = threading.Thread(target=slow)
    thread.start()
    assert begun.wait(20)
    threads.say(case, builders.person("quick"), "Quick.")
    assert len(told()) == 1
    go.set()
    thread.join()
    told()
    assert [str(message.body).split("\n")[2] for message in mail.outbox] == ["Quick.", "Slow."]


def test_following_is_undone_where_it_was_begun(case: Document, fan: User) -> None:
    client, what = signed_in(fan), {"kind": "case", "name": "fuse-writeback", "next": "/cases/fuse-writeback/#follow"}
    page = client.get("/cases/fuse-writeback/").content.decode()
    assert re.search(r'<option value="at_once" selected>', page)
    assert client.post("/follow/", {**what, "cadence": "none"})["Location"] == what["next"]
    assert "not followed</option>" in client.get("/cases/fuse-writeback/").content.decode()
    threads.say(case, builders.person(), "Said.")
    assert told() == [] and fan_out.note_all() == 0
