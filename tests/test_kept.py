"""What was typed into a form that came too late is shown again, to whoever typed it."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from discussion.models import Comment
from people.models import User
from tests import builders

OURS = {"origin": "http://testserver"}
TEXT = "A server that is silent\n\nmay be <b>busy</b>."


@pytest.fixture
def say(db: None) -> str:
    return f"/discussion/{builders.case().document_id}/"


@pytest.fixture
def ann(db: None) -> User:
    return builders.person("ann")


def test_who_was_signed_out_gets_back_what_they_typed(say: str) -> None:
    answer = Client().post(say, {"text": TEXT, "parent": ""}, headers=OURS)
    page = answer.content.decode()
    assert answer.status_code == 403 and "You are signed out." in page
    assert "may be &lt;b&gt;busy&lt;/b&gt;." in page and '<input type="hidden" name="parent" value="">' in page


def test_a_stale_form_comes_back_and_can_be_sent_from_there(say: str, ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    stale = client.post(say, {"text": TEXT, "csrfmiddlewaretoken": "a" * 64}, headers=OURS)
    assert stale.status_code == 403 and "This form is stale." in stale.content.decode()
    assert "aaaa" not in stale.content.decode()
    token = stale.context["csrf_token"]
    sent = client.post(say, {"text": TEXT, "csrfmiddlewaretoken": str(token)}, headers=OURS)
    assert sent.status_code == 302 and Comment.objects.get().text.replace("\r\n", "\n") == TEXT


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", None])
def test_what_another_site_sends_is_not_shown(say: str, origin: str | None) -> None:
    given = {"origin": origin} if origin else {}
    assert Client().post(say, {"text": TEXT}, headers=given)["Location"].startswith(settings.LOGIN_URL)
    forged = Client(enforce_csrf_checks=True).post(say, {"text": TEXT}, headers=given)
    assert forged.status_code == 403 and "silent" not in forged.content.decode()


@pytest.mark.django_db
def test_a_password_is_never_shown() -> None:
    given = {"login": "ann", "password": "a long password\nof two lines"}
    forged = Client(enforce_csrf_checks=True).post("/sign-in/", given, headers=OURS)
    assert forged.status_code == 403 and "long password" not in forged.content.decode()


def test_what_is_quickly_typed_again_is_not_kept(say: str) -> None:
    assert Client().post(say, {"text": "Short."}, headers=OURS).status_code == 302
