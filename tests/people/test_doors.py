"""Guessing a password gets slow, and nobody keeps anybody else out by it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db.models import F
from django.test import Client

from people.accounts import doors
from rest.bounds import attempts
from rest.models import Attempts
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "a long password", "a wrong password"


def sign_in(client: Client | None = None, password: str = WRONG, name: str = "jane", place: str = "192.0.2.1") -> str:
    """'in', or what the page says of why not."""
    cache.clear()  # ten a minute from one address is another limit
    given = {"login": name, "password": password}
    answer = (client or Client()).post("/sign-in/", given, REMOTE_ADDR=place)
    if answer.status_code == 302:
        return "in"
    return re.sub(r"\d+ s", "N s", str(answer.context["form"].errors["__all__"][0]))


def pass_by(**time: float) -> None:
    Attempts.objects.update(last_at=F("last_at") - timedelta(**time))


@pytest.fixture(autouse=True)
def jane() -> Any:
    return builders.person("jane")


NOT_CORRECT = "The username and/or password you specified are not correct."
SLOWER = "Too many failed attempts. Try again in N s."


def test_wrong_passwords_keep_nobody_out_who_comes_from_elsewhere() -> None:
    assert [sign_in() for _ in range(6)] == [NOT_CORRECT] * 5 + [SLOWER]
    assert sign_in(password=RIGHT, place="198.51.100.7") == "in"


def test_wrong_passwords_slow_down_and_waiting_as_told_helps() -> None:
    for _ in range(5):
        sign_in()
    assert [sign_in(password=RIGHT), sign_in(password=RIGHT)] == [SLOWER] * 2
    pass_by(seconds=11)
    assert [sign_in(), sign_in()] == [NOT_CORRECT, SLOWER], "one more, and then twice as long"
    pass_by(seconds=11)
    assert sign_in() == SLOWER
    pass_by(seconds=10)
    assert sign_in(password=RIGHT) == "in"
    assert [sign_in() for _ in range(5)] == [NOT_CORRECT] * 5, "the right one begins anew"


def test_the_wait_is_never_longer_than_five_minutes() -> None:
    for _ in range(40):
        sign_in()
        pass_by(seconds=301)
    with pytest.raises(attempts.TooSoon) as told:
        for _ in range(2):
            attempts.begin("JANE from 192.0.2.1", doors.FROM_ONE_PLACE)
    assert told.value.wait_seconds <= 300


@pytest.mark.parametrize("place", ["2001:db8::{}", "::ffff:192.0.2.1"])
def test_one_place_is_one_however_it_is_written(place: str) -> None:
    assert [sign_in(place=place.format(n)) for n in range(1, 7)][-1] == SLOWER


@pytest.mark.parametrize("name", ["JANE", " jane ", "Jane"])
def test_one_name_is_one_however_it_is_written(name: str) -> None:
    for _ in range(5):
        sign_in()
    assert sign_in(name=name) == SLOWER


def test_guessing_from_everywhere_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "FROM_EVERYWHERE", attempts.Pace(free=20, first_seconds=86_400, most_seconds=86_400))
    at_home = Client()
    assert sign_in(at_home, RIGHT, place="203.0.113.5") == "in"
    at_home.post("/sign-out/")
    told = [sign_in(place=f"198.51.100.{n}") for n in range(25)]
    assert told[:20] == [NOT_CORRECT] * 20 and all("with this name today" in one for one in told[20:])
    assert "with this name today" in sign_in(password=RIGHT, place="198.51.100.99")
    assert sign_in(password=RIGHT, name="joe", place="198.51.100.98") == NOT_CORRECT, "another name"
    assert sign_in(at_home, RIGHT, place="198.51.100.97") == "in", "where she was signed in before"
    assert "with this name today" in sign_in(place="198.51.100.96"), "which gives others nothing back"


def test_a_known_browser_guesses_as_slowly_as_others() -> None:
    at_home = Client()
    sign_in(at_home, RIGHT)
    at_home.post("/sign-out/")
    assert [sign_in(at_home, place=f"198.51.100.{n}") for n in range(6)] == [NOT_CORRECT] * 5 + [SLOWER]


def test_a_browser_known_for_one_is_not_known_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "FROM_EVERYWHERE", attempts.Pace(free=1, first_seconds=86_400, most_seconds=86_400))
    eve = Client()
    builders.person("eve")
    assert sign_in(eve, RIGHT, "eve") == "in"
    eve.post("/sign-out/")
    assert [sign_in(eve), "today" in sign_in(eve)] == [NOT_CORRECT, True]
    eve.cookies[doors.COOKIE] = eve.cookies[doors.COOKIE].value[:-2]
    assert "today" in sign_in(eve)


def test_the_link_in_a_mail_leads_in_whatever_others_try(jane: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "FROM_EVERYWHERE", attempts.Pace(free=3, first_seconds=86_400, most_seconds=86_400))
    EmailAddress.objects.create(user=jane, email="jane@example.org", verified=True, primary=True)
    client = Client()
    for n in range(4):
        sign_in(place=f"198.51.100.{n}")
    client.post("/account/password/reset/", {"email": "jane@example.org"})
    page = client.get(builders.link_in_mail("/account/password/reset/key/"), follow=True)
    new = "another long one"
    client.post(page.redirect_chain[-1][0], {"password1": new, "password2": new})
    for n in range(4):
        sign_in(place=f"198.51.100.{n}", password="a wrong one once more")
    assert "today" in sign_in(password=new, place="198.51.100.50")
    assert sign_in(client, new) == "in"


@pytest.mark.django_db(transaction=True)
def test_many_at_the_same_moment_are_many() -> None:
    refused: list[int] = []

    def try_it() -> None:
        try:
            attempts.begin("somebody", doors.FROM_ONE_PLACE)
        except attempts.TooSoon as error:
            refused.append(error.wait_seconds)

    at_once(*[try_it] * 12)
    assert len(refused) == 7 and max(refused) <= 10
