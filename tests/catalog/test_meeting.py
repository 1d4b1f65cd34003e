"""Holding a session: order, notes by several people, export; open to read, for chairs to write."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.meetings import chair as meetings
from catalog.meetings import views
from catalog.models import Meeting, Point
from people.models import Event, Role, User
from tests import builders

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def chair() -> Client:
    return signed_in(builders.person("ed", Role.EDITOR))


@pytest.fixture
def held(chair: Client) -> Meeting:
    builders.case("bounded", bounds={"time": "short"})
    builders.case("worst")
    builders.case("device", controllers=["device"], bounds={"time": "short"})
    builders.strategy("way-out", ("worst",), objections=[{"id": "cost", "text": "It costs.", "by": "A. Reader"}])
    answer = chair.post("/agenda/begin/", {"title": "In the room", "held_on": "2026-05-05"})
    meeting = Meeting.objects.get()
    assert answer["Location"] == f"/agenda/{meeting.pk}/"
    return meeting


def slugs(held: Meeting) -> list[str]:
    return list(held.points.order_by("position").values_list("case__slug", flat=True))


def press(client: Client, held: Meeting, slug: str, **fields: Any) -> Any:
    point = held.points.get(case__slug=slug)
    return client.post(f"/agenda/{held.pk}/points/{point.pk}/", {"base": point.nr_changes, **fields})


def test_it_begins_with_the_open_cases_worst_first(held: Meeting) -> None:
    assert slugs(held) == ["worst", "bounded", "device"]
    assert "In the room" in Client().get("/agenda/").content.decode()


def test_its_order_is_changed_by_buttons(held: Meeting, chair: Client) -> None:
    for slug, to, order in (
        ("device", "up", ["worst", "device", "bounded"]),
        ("worst", "last", ["device", "bounded", "worst"]),
        ("worst", "first", ["worst", "device", "bounded"]),
        ("worst", "up", ["worst", "device", "bounded"]),
        ("bounded", "down", ["worst", "device", "bounded"]),
        ("device", "down", ["worst", "bounded", "device"]),
        ("bounded", "out", ["worst", "device"]),
    ):
        press(chair, held, slug, to=to)
        assert slugs(held) == order, (slug, to)
    chair.post(f"/agenda/{held.pk}/add/", {"case": "bounded"})
    assert slugs(held) == ["worst", "device", "bounded"]


def test_moving_a_case_keeps_what_was_typed_beside_the_button(held: Meeting, chair: Client) -> None:
    press(chair, held, "worst", decided="Typed, not saved.", action="", who="", to="last")
    assert slugs(held)[-1] == "worst" and held.points.get(case__slug="worst").decided == "Typed, not saved."
    press(chair, held, "worst", to="first")
    assert held.points.get(case__slug="worst").decided == "Typed, not saved."


def test_what_was_noted_comes_before_the_agenda_for_who_reads(held: Meeting, chair: Client) -> None:
    press(chair, held, "device", decided="Bounded is enough.")
    text = Client().get(f"/agenda/{held.pk}/").content.decode()
    assert text.index("Noted so far") < text.index("Bounded is enough.") < text.index('class="table agenda"')
    assert "Noted so far" not in chair.get(f"/agenda/{held.pk}/").content.decode()
    chair.post(f"/agenda/{held.pk}/close/", {"closed": "yes"})
    text = Client().get(f"/agenda/{held.pk}/").content.decode()
    assert "What was noted" in text and "<textarea" not in text


def test_notes_are_read_by_everybody_at_once_and_stand_in_the_journal(held: Meeting, chair: Client) -> None:
    press(chair, held, "worst", decided="Skip it under MIGRATE_SYNC.", action="Post v2", who="Ann")
    text = Client().get(f"/agenda/{held.pk}/").content.decode()
    assert "Skip it under MIGRATE_SYNC." in text and "<textarea" not in text
    data = Event.objects.get(verb="session.noted").data
    assert (data["case"], data["decided"], data["who"]) == ("worst", "Skip it under MIGRATE_SYNC.", "Ann")
    assert press(chair, held, "worst", to="out").status_code == 409
    assert "worst" in slugs(held)


def test_two_who_note_at_once_lose_nothing(held: Meeting, chair: Client) -> None:
    other = signed_in(builders.person("eve", Role.EDITOR))
    press(chair, held, "worst", decided="One thing.", base=0)
    answer = press(other, held, "worst", decided="Another thing.", base=0)
    text = answer.content.decode()
    assert answer.status_code == 409 and "One thing.\n---\nAnother thing." in text and 'name="base" value="1"' in text
    assert Point.objects.get(case__slug="worst").decided == "One thing."


def test_what_is_closed_is_noted_on_no_more_until_it_is_opened_again(held: Meeting, chair: Client) -> None:
    chair.post(f"/agenda/{held.pk}/close/", {"closed": "yes"})
    assert press(chair, held, "worst", decided="Too late.").status_code == 409
    assert not Point.objects.exclude(decided="").exists()
    assert "<textarea" not in chair.get(f"/agenda/{held.pk}/").content.decode()
    chair.post(f"/agenda/{held.pk}/close/", {"closed": "no"})
    assert press(chair, held, "worst", decided="In time.").status_code == 302


def test_it_is_exported_as_markdown(held: Meeting, chair: Client) -> None:
    press(chair, held, "worst", decided="Two\n# lines", who="Ann")
    text = Client().get(f"/agenda/{held.pk}/minutes.md").content.decode()
    assert text.startswith("# In the room, 2026-05-05\n\n## 1. The case worst\n")
    assert "- [The strategy way-out](http://127.0.0.1:8000/strategies/way-out/): helps, idea\n" in text
    assert "  - Objection (A. Reader): It costs. Unanswered.\n" in text
    assert "**Decided:** Two # lines\n\n**Who:** Ann\n" in text and "**Action:**" not in text
    assert Client().get("/agenda.md").content.decode().startswith("# For the session\n\n## 1. The case worst\n")


def test_what_is_hidden_from_somebody_is_not_on_their_agenda(held: Meeting, chair: Client) -> None:
    for document in (Point.objects.get(case__slug="device").case.document, builders.strategy("way-out").document):
        document.state = "draft"
        document.save()
    for path in ("/agenda/", f"/agenda/{held.pk}/", "/agenda.md", f"/agenda/{held.pk}/minutes.md"):
        text = Client().get(path).content.decode()
        assert "The case worst" in text and "The case device" not in text and "way-out" not in text
        assert "The case device" in chair.get(path).content.decode()


@pytest.mark.parametrize("path", ["begin/", "{}/add/", "{}/close/", "{}/points/{}/"])
def test_only_chairs_hold_sessions(held: Meeting, path: str) -> None:
    address = "/agenda/" + path.format(held.pk, Point.objects.get(case__slug="worst").pk)
    fields = {"title": "x", "held_on": "2026-01-01", "closed": "yes", "to": "last", "case": "worst", "base": "0"}
    assert Client().post(address, fields)["Location"].startswith("/sign-in/")
    assert signed_in(builders.person()).post(address, fields).status_code == 403
    assert slugs(held) == ["worst", "bounded", "device"] and Meeting.objects.get().closed_at is None


@pytest.mark.parametrize("fields", [{"title": "", "held_on": "2026-01-01"}, {"title": "x", "held_on": "soon"}])
def test_a_bad_beginning_is_told(chair: Client, fields: dict[str, str]) -> None:
    assert chair.post("/agenda/begin/", fields).status_code == 422
    assert not Meeting.objects.exists()


def test_it_asks_as_often_for_many_cases_as_for_few(chair: Client) -> None:
    def queries() -> int:
        chair.post("/agenda/begin/", {"title": "x", "held_on": "2026-01-01"})
        last = Meeting.objects.latest("pk")
        with CaptureQueriesContext(connection) as seen:
            Client().get(f"/agenda/{last.pk}/")
        return len(seen)

    builders.case("case-0")
    builders.strategy("strategy-0", ("case-0",))
    few = queries()
    for n in range(1, 6):
        builders.case(f"case-{n}")
        builders.strategy(f"strategy-{n}", (f"case-{n}", "case-0"))
    assert queries() == few


def test_a_session_that_is_closed_meanwhile_takes_no_case_and_says_so(
    chair: Client, held: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed between the look and the lock."""
    builders.case("late")
    editor = User.objects.get(username="ed")
    taken = views.get_object_or_404

    def closing(*args: Any, **given: Any) -> Any:
        found = taken(*args, **given)
        meetings.close(held, editor, closed=True)
        return found

    monkeypatch.setattr(views, "get_object_or_404", closing)
    answer = chair.post(f"/agenda/{held.pk}/add/", {"case": "late"})
    monkeypatch.undo()
    assert answer.status_code == 302 and not Point.objects.filter(case__slug="late").exists()
    assert "This session is closed" in chair.get(answer["Location"]).content.decode()
