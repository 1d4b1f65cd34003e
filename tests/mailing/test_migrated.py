"""Who followed a discussion before follows it now; what waited is sent, what was sent is not sent again."""

from __future__ import annotations

import importlib

import pytest
from django.core import mail
from django.db import connection

from discussion.comments import threads
from mailing import tasks
from mailing.models import Follow, Notice, Reader
from people import journal_cursor
from people.models import Event
from tests import builders
from tests.mailing.test_telling import reader

pytestmark = pytest.mark.django_db(transaction=True)


def test_follows_and_notices_of_the_release_before_are_taken_over() -> None:
    case = builders.case().document
    ben, eve = reader("ben"), reader("eve")
    told, waiting = (threads.say(case, builders.person(), text) for text in ("Told.", "Waiting."))
    journal_cursor.give_places()
    events = {one.data["comment"]: one for one in Event.objects.filter(verb="comment.made")}
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE discussion_subscription, discussion_notice, discussion_follower, mailing_reader")
        cursor.execute("INSERT INTO discussion_subscription (user_id, document_id) VALUES (%s, %s)", [ben.pk, case.pk])
        row = (
            "INSERT INTO discussion_notice (event_id, user_id, was_named, tries, settled_at) VALUES (%s, %s, %s, 0, {})"
        )
        cursor.execute(row.format("now()"), [events[told.pk].pk, ben.pk, False])
        cursor.execute(row.format("NULL"), [events[waiting.pk].pk, ben.pk, False])
        cursor.execute(row.format("NULL"), [events[waiting.pk].pk, eve.pk, True])
        place = max(one.place or 0 for one in events.values())
        read = "INSERT INTO discussion_follower (name, place, transaction, event) VALUES ('comments by mail', %s, 0, 0)"
        cursor.execute(read, [place])
        for statement in importlib.import_module("mailing.migrations.0002_from_discussion").FORWARD:
            cursor.execute(statement)
    assert list(Follow.objects.values_list("user", "document", "cadence")) == [(ben.pk, case.pk, "at_once")]
    assert Reader.objects.get().place == place
    tasks.tell()
    assert sorted(message.to[0] for message in mail.outbox) == ["ben@example.org", "eve@example.org"]
    assert all("Waiting." in str(message.body) for message in mail.outbox)
    assert Notice.objects.filter(user=ben).count() == 2, "what was sent is known"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM discussion_notice WHERE settled_at IS NULL")
        assert cursor.fetchone() == (0,), "a worker of the release before finds nothing to send"
        cursor.execute("TRUNCATE discussion_subscription, discussion_notice, discussion_follower")
