"""What was asked for before "Is it you?" is done after it, and nothing has to be typed twice."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client

from tests import builders

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"


@pytest.fixture
def client() -> Client:
    """Signed in long ago."""
    cache.clear()  # limits of the account pages count in it
    person = builders.person("jane")
    person.set_password(PASSWORD)
    person.save()
    made = Client()
    made.post("/sign-in/", {"login": "jane", "password": PASSWORD})
    return made


def sent(client: Client, page: Any, **typed: str) -> Any:
    """The last form of a page as a browser sends it: to its own address where it names none. Follows redirects."""
    form = re.findall(r'(?s)<form method="post".*?</form>', page.content.decode())[-1]
    action = re.match(r'<form [^>]*action="([^"]*)"', form)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
    button = re.findall(r'<button [^>]*name="([^"]*)"', form)
    here = page.request["PATH_INFO"] + "?" + page.request["QUERY_STRING"]
    return client.post(action[1] if action else here, {**hidden, **dict.fromkeys(button, ""), **typed}, follow=True)


def test_an_address_is_added_after_is_it_you(client: Client) -> None:
    asked = sent(client, client.get("/account/email/"), email="jane@example.com")
    assert "Is it you?" in asked.content.decode() and not EmailAddress.objects.exists()
    wrong = sent(client, asked, password="not mine")
    assert "Is it you?" in wrong.content.decode() and not EmailAddress.objects.exists()
    done = sent(client, wrong, password=PASSWORD)
    assert "on its way to jane@example.com" in done.content.decode()
    assert EmailAddress.objects.get().email == "jane@example.com"


def test_a_code_that_ran_out_meanwhile_is_asked_for_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time()) // 30
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: [now])
    form = sent(client, client.get("/account/2fa/totp/activate/", follow=True), password=PASSWORD)
    found = re.search(r'value="([A-Z2-7]{32})"', form.content.decode())
    assert found
    _long_ago(client)
    asked = sent(client, form, code=totp.format_hotp_value(totp.hotp_value(found[1], now - 9)))
    assert "Is it you?" in asked.content.decode()
    again = sent(client, asked, password=PASSWORD)
    assert found[1] in again.content.decode() and "img-src 'self' data:" in again["Content-Security-Policy"]
    sent(client, again, code=totp.format_hotp_value(totp.hotp_value(found[1], now)))
    assert Authenticator.objects.filter(type="totp").count() == 1


def _long_ago(client: Client) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3_600
    session.save()
