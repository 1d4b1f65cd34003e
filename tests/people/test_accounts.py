"""Signing up with a proved address, a second factor, the profile, leaving, being banned."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from discussion.accounts import leaving
from discussion.comments import threads
from discussion.models import Comment, Visibility
from people.models import Event, Letter, Role, Token, User
from tests import builders
from tests.crawl import faults

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def fresh_cache(db: None) -> None:
    """Limits of the account pages count in the cache."""
    cache.clear()


def sign_up(client: Client, **changed: str) -> Any:
    return client.post(
        "/account/signup/", {"username": "jane", "email": "jane@example.org", "password1": PASSWORD, **changed}
    )


def confirm(client: Client) -> Any:
    link = builders.link_in_mail("/account/confirm-email/")
    assert client.get(link).status_code == 200
    return client.post(link)


def sign_in(client: Client, name: str = "jane", password: str = PASSWORD) -> Any:
    return client.post("/sign-in/", {"login": name, "password": password})


def is_signed_in(client: Client) -> bool:
    return "Sign out" in client.get("/method/").content.decode()


def test_who_signs_up_proves_the_address_before_entering() -> None:
    client = Client()
    assert sign_up(client)["Location"] == "/account/confirm-email/"
    jane = User.objects.get()
    assert (jane.role, jane.vouched) == (Role.CONTRIBUTOR, False)
    assert not is_signed_in(client)
    (asked,) = builders.delivered()
    assert asked.to == ["jane@example.org"] and asked.subject == "[unmigratable] Is this address yours?"
    assert sign_in(Client())["Location"] == "/account/confirm-email/"
    confirm(client)
    other = Client()
    sign_in(other)
    assert is_signed_in(other)
    by_mail = Client()
    sign_in(by_mail, "jane@example.org")
    assert is_signed_in(by_mail)
    assert Event.objects.get(verb="person.joined").subject == str(jane.pk)
    case = builders.case().document
    other.post(f"/discussion/{case.pk}/", {"text": "Hello."})
    assert Comment.objects.get().visibility == Visibility.WAITING


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"username": "a b"}, "username"),
        ({"username": "jane@x"}, "letters, digits"),
        ({"username": "admin"}, "Nobody can have this name"),
        ({"email": "none"}, "valid email"),
        ({"password1": "short"}, "too short"),
        ({"password1": "password1234"}, "too common"),
    ],
)
def test_a_bad_sign_up_is_told(changed: dict[str, str], said: str) -> None:
    answer = sign_up(Client(), **changed)
    assert answer.status_code == 200 and said in answer.content.decode()
    assert not User.objects.exists() and not Letter.objects.exists()


def test_somebody_elses_address_is_not_told_to_be_known() -> None:
    client = Client()
    sign_up(client)
    confirm(client)

    def seen(name: str, email: str) -> dict[str, Any]:
        """All that whoever signs up can see of it, with what it costs."""
        cache.clear()
        client, hashed = Client(), CountedHasher.nr_hashed
        with CaptureQueriesContext(connection) as asked:
            answer = sign_up(client, username=name, email=email, password1="of a stranger")
        told = {"where": answer["Location"], "hashed": CountedHasher.nr_hashed - hashed}
        told["page"] = client.get("/account/confirm-email/").content.decode().replace(email, "THEIRS")
        told["page"] = re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", told["page"])
        told["entering"] = sign_in(Client(), name, "of a stranger")["Location"], is_signed_in(client)
        told["by mail"] = sign_in(Client(), email, "of a stranger").status_code
        told["again"] = "already exists" in sign_up(Client(), username=name, email="third@example.org").content.decode()
        told["person"] = Client().get(f"/people/{name}/").content.decode().replace(name, "NAME")
        return told | {"about": len(asked) // 10}

    unknown, known = seen("nobody", "nobody@example.org"), seen("other", "jane@example.org")
    assert known == unknown
    assert unknown["hashed"] == 1 and unknown["again"] and unknown["by mail"] == 200
    assert "has an account here already" in str(builders.delivered()[-1].body)
    assert not EmailAddress.objects.filter(user__username="other").exists()


class CountedHasher(MD5PasswordHasher):
    nr_hashed = 0

    def encode(self, *args: Any, **given: Any) -> str:
        CountedHasher.nr_hashed += 1
        return super().encode(*args, **given)


@pytest.fixture(autouse=True)
def counted_hasher(settings: Any, cheap_passwords: None) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountedHasher"]


def test_where_sign_up_is_closed_nobody_signs_up(settings: Any) -> None:
    settings.SIGNING = replace(settings.SIGNING, is_open=False)
    assert "closed" in sign_up(Client()).content.decode().lower()
    assert not User.objects.exists()


def test_who_was_added_by_hand_signs_in_without_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_person", "joe")
    password = capsys.readouterr().out.strip()
    client = Client()
    assert sign_in(client, "joe", password)["Location"] == "/"
    assert is_signed_in(client)
    client.post("/sign-out/")
    assert not is_signed_in(client)


def test_a_wrong_password_does_not_enter() -> None:
    builders.person("jane")
    client = Client()
    answer = sign_in(client, password="a wrong password")
    assert "are not correct" in answer.content.decode() and not is_signed_in(client)


def test_a_second_factor_is_asked_for_once_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time()) // 30
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: [now])
    client = Client()
    sign_up(client)
    confirm(client)
    client = Client()
    sign_in(client)
    assert client.get("/account/2fa/totp/activate/")["Location"].startswith("/account/reauthenticate/")
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    page = client.get("/account/2fa/totp/activate/")
    assert page.status_code == 200, page.headers
    assert "img-src 'self' data:" in page["Content-Security-Policy"]
    found = re.search(r'value="([A-Z2-7]{32})"', page.content.decode())
    assert found
    answer = client.post(
        "/account/2fa/totp/activate/", {"code": totp.format_hotp_value(totp.hotp_value(found[1], now))}
    )
    assert answer.status_code == 302, answer.content.decode()
    other = Client()
    assert sign_in(other)["Location"] == "/account/2fa/authenticate/"
    assert not is_signed_in(other)
    assert other.post("/account/2fa/authenticate/", {"code": "000000"}).status_code == 200
    for path in (
        *("/account/2fa/", "/account/2fa/recovery-codes/", "/account/2fa/recovery-codes/generate/"),
        *("/account/2fa/totp/deactivate/", "/account/2fa/reauthenticate/?next=/account/"),
    ):
        in_our_words(client, path)
    in_our_words(other, "/account/2fa/authenticate/")
    assert not is_signed_in(other)
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: [now + 1])
    other.post("/account/2fa/authenticate/", {"code": totp.format_hotp_value(totp.hotp_value(found[1], now + 1))})
    assert is_signed_in(other)


def test_a_forgotten_password_is_set_anew_by_mail() -> None:
    client = Client()
    sign_up(client)
    confirm(client)
    client = Client()
    client.post("/account/password/reset/", {"email": "jane@example.org"})
    page = client.get(builders.link_in_mail("/account/password/reset/key/"), follow=True)
    client.post(page.redirect_chain[-1][0], {"password1": "another long one", "password2": "another long one"})
    other = Client()
    sign_in(other, password="another long one")
    assert is_signed_in(other)


def test_mail_addresses_offer_what_can_be_done_with_each() -> None:
    client = Client()
    sign_up(client)
    confirm(client)
    client = Client()
    sign_in(client)
    client.post("/account/reauthenticate/", {"password": PASSWORD})

    def offered() -> dict[str, list[str]]:
        page = in_our_words(client, "/account/email/").content.decode()
        forms = re.findall(r'(?s)<form method="post" [^>]*class="row">.*?</form>', page)
        return {
            re.findall(r'name="email" value="([^"]+)"', form)[0]: re.findall(r'name="action_(\w+)"', form)
            for form in forms
        }

    assert offered() == {"jane@example.org": ["remove"]}
    client.post("/account/email/", {"email": "jane@example.com", "action_add": ""})
    assert offered() == {"jane@example.com": ["send", "remove"], "jane@example.org": []}
    confirm(client)
    assert offered() == {"jane@example.com": ["primary", "remove"], "jane@example.org": []}
    client.post("/account/email/", {"email": "jane@example.com", "action_primary": ""})
    client.post("/account/email/", {"email": "jane@example.org", "action_remove": ""})
    assert offered() == {"jane@example.com": ["remove"]}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_kernel_name_is_ones_own_to_give() -> None:
    jane = builders.person("jane")
    client = signed_in(jane)
    client.post("/account/", {"kernel_name": "  Jane   Doe ", "mails_mentions": "on"})
    assert User.objects.get().kernel_name == "Jane Doe"
    assert client.post("/account/", {"kernel_name": "J\u202eane"}).status_code == 422
    assert User.objects.get().kernel_name == "Jane Doe"


def test_own_data_is_taken_along_whole_and_without_secrets() -> None:
    jane = builders.person("jane")
    secret = builders.token("box", jane)
    case = builders.case().document
    comment = threads.say(case, jane, "First.")
    threads.edit(comment, jane, "Second.", 0)
    threads.say(case, builders.person("joe"), "Not hers.")
    text = signed_in(jane).get("/account/data.json").content.decode()
    data = json.loads(text)
    assert data["comments"][0]["text"] == "Second." and data["comments"][0]["earlier_texts"][0]["text"] == "First."
    assert data["machines"][0]["name"] == "box" and data["tokens"][0]["prefix"] == secret[:10]
    for hidden in (secret, "Not hers.", jane.password, Token.objects.get().digest):
        assert hidden not in text
    assert Client().get("/account/data.json")["Location"].startswith("/sign-in/")


def test_who_leaves_is_gone_and_what_others_answered_to_keeps_its_place() -> None:
    jane = builders.person("jane")
    builders.token("box", jane)
    case = builders.case().document
    first = threads.say(case, jane, "What I said.")
    threads.say(case, builders.person("joe"), "An answer.", first)
    client = signed_in(jane)
    assert client.post("/account/leave/", {"name": "joe"}).status_code == 422
    assert client.post("/account/leave/", {"name": "jane"}).status_code == 302
    text = Client().get("/cases/fuse-writeback/").content.decode()
    assert "What I said." in text and "somebody who left" in text and ">jane<" not in text
    assert not Token.objects.filter(revoked_at=None).exists() and not Session.objects.exists()
    jane.refresh_from_db()
    assert not jane.is_active and jane.username == f"left-{jane.pk}" and not jane.has_usable_password()
    assert Client().get("/people/jane/").status_code == 404


def test_who_leaves_may_take_the_words_along() -> None:
    jane = builders.person("jane")
    comment = threads.say(builders.case().document, jane, "What I said.")
    threads.edit(comment, jane, "What I then said.", 0)
    signed_in(jane).post("/account/leave/", {"name": "jane", "words": "on"})
    for path in ("/cases/fuse-writeback/", f"/c/{comment.pk}/history/", "/search/?q=then+said"):
        text = Client().get(path).content.decode()
        assert "What I said." not in text and "What I then said." not in text


def test_who_is_banned_is_out_at_once_and_may_be_let_in_again() -> None:
    joe, boss = builders.person("joe"), builders.person("boss", Role.MAINTAINER)
    builders.token("box", joe)
    client, chief = signed_in(joe), signed_in(boss)
    assert is_signed_in(client)
    asked = chief.post("/people/joe/ban/", {"why": ""}, follow=True)
    assert "Give the reason" in asked.content.decode() and User.objects.get(username="joe").is_active
    chief.post("/people/joe/ban/", {"why": "Threats."})
    assert not is_signed_in(client) and not Token.objects.filter(revoked_at=None).exists()
    again = Client()
    sign_in(again, "joe")
    assert not is_signed_in(again)
    event = Event.objects.get(verb="person.banned")
    assert (event.actor, event.data) == (boss, {"why": "Threats."})
    chief.post("/people/joe/ban/", {"banned": "no"})
    sign_in(again, "joe")
    assert is_signed_in(again)


def test_a_session_of_before_the_ban_opens_nothing_after_it() -> None:
    joe, boss = builders.person("joe"), builders.person("boss", Role.MAINTAINER)
    client, chief = signed_in(joe), signed_in(boss)
    chief.post("/people/joe/ban/", {"why": "Threats."})
    chief.post("/people/joe/ban/", {"banned": "no"})
    assert not is_signed_in(client) and is_signed_in(chief)
    sign_in(client, "joe")
    assert is_signed_in(client)


def test_closing_somebodys_doors_reads_no_sessions() -> None:
    jane = builders.person("jane")
    for _ in range(20):
        signed_in(builders.person())
    with CaptureQueriesContext(connection) as asked:
        leaving.ban(jane, builders.person(), "why")
    assert not any("django_session" in query["sql"] for query in asked)


def test_only_maintainers_ban_and_nobody_themselves() -> None:
    builders.person("joe")
    editor, boss = builders.person("ed", Role.EDITOR), builders.person("boss", Role.MAINTAINER)
    assert signed_in(editor).post("/people/joe/ban/", {"why": "x"}).status_code == 403
    assert signed_in(boss).post("/people/boss/ban/", {"why": "x"}).status_code == 403
    assert User.objects.filter(is_active=True).count() == 3


STRANGERS = (
    *("/sign-in/", "/account/signup/", "/account/inactive/", "/account/confirm-email/", "/account/confirm-email/none/"),
    *("/account/password/reset/", "/account/password/reset/done/", "/account/password/reset/key/1-none-none/"),
    *("/account/password/reset/key/done/", "/account/3rdparty/login/cancelled/", "/account/3rdparty/login/error/"),
)
OWN = (
    *("/account/", "/account/email/", "/account/password/change/", "/account/2fa/", "/account/reauthenticate/"),
    *("/account/2fa/totp/activate/", "/account/3rdparty/", "/account/leave/", "/sign-out/"),
)


@pytest.mark.parametrize("path", [*STRANGERS, *OWN])
def test_account_pages_are_in_our_look_and_words_and_need_no_script(path: str) -> None:
    client = Client()
    if path in OWN:
        client.force_login(builders.person("jane"))
    answer = in_our_words(client, path)
    text = answer.content.decode()
    assert 'class="brand"' in text and "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|(?:src|href)=\"(?:https?:)?//", text)


def in_our_words(client: Client, path: str) -> Any:
    """Headings, labels and buttons are in sentence case; no label is said again within its field."""
    answer = client.get(path, follow=True)
    text = answer.content.decode()
    assert answer.status_code in (200, 401) and list(faults(text)) == []
    marked = re.findall(r"(?s)<(?:h1|h2|label|button|title)[ >].*?</", text)
    said = [" ".join(re.sub("<[^>]+>", "", words).split()) for words in marked]
    assert len(said) >= 2 and [words for words in said if re.search(r" [A-Z][a-z]", words)] == []
    assert "placeholder" not in text.partition("<main")[2]
    return answer
