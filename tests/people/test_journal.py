"""The journal: known verbs only, and nothing in it ever changes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from people import journal, journal_cursor
from people.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def journal_guarded() -> None:
    """As it is outside the tests; see conftest.emptied_between_tests."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE people_event ENABLE TRIGGER people_event_never_truncated")


def test_a_line_says_what_happened_to_what_by_whom() -> None:
    event = journal.record("comment.made", "case", "fuse-writeback", None, comment=5)
    event.refresh_from_db()
    assert (event.verb, event.subject, event.data) == ("comment.made", "fuse-writeback", {"comment": 5})
    assert event.at is not None and event.transaction > 0


def test_an_unknown_verb_is_refused() -> None:
    with pytest.raises(ValueError, match="no such verb"):
        journal.record("case.eaten", "case", "fuse-writeback")
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    "statement", ["UPDATE people_event SET verb = 'x'", "DELETE FROM people_event", "TRUNCATE people_event CASCADE"]
)
def test_the_database_refuses_to_change_what_was_written(statement: str, journal_guarded: None) -> None:
    journal.record("comment.made", "case", "fuse-writeback")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or its own pending checks would refuse the TRUNCATE
    with (
        pytest.raises(DatabaseError, match="the journal is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert Event.objects.get().verb == "comment.made"


def test_a_place_is_given_once_and_with_nothing_else() -> None:
    event = journal.record("comment.made", "case", "fuse-writeback")
    journal_cursor.give_places()
    for changed in ({"place": 5}, {"place": None}, {"place": 5, "verb": "x"}):
        with pytest.raises(DatabaseError, match="the journal is append-only"), transaction.atomic():
            Event.objects.filter(pk=event.pk).update(**changed)
    other = journal.record("comment.made", "case", "fuse-writeback")
    with pytest.raises(DatabaseError, match="the journal is append-only"), transaction.atomic():
        Event.objects.filter(pk=other.pk).update(place=5, verb="x")
