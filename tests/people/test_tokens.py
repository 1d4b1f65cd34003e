"""A machine's token: when it opens, what is kept of it, and what a bad one is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from people.access import machines
from people.models import Event, Machine, Role, Scope, Token
from tests import builders

pytestmark = pytest.mark.django_db


def post(authorization: str | None) -> Any:
    headers = {"Authorization": authorization} if authorization is not None else {}
    return Client().post("/api/v1/reports/", builders.body(), "application/json", headers=headers)


def test_a_usable_token_opens_and_names_its_machine() -> None:
    secret = builders.token("box")
    assert post(f"Bearer {secret}").status_code == 202
    assert post(f"bearer {secret}").status_code == 202
    token = Token.objects.holding(secret)
    assert token is not None and token.machine.name == "box"


@pytest.mark.parametrize(
    "change",
    [
        {"expires_at": timedelta(seconds=-1)},
        {"revoked_at": timedelta(seconds=-1)},
        {"revoked_at": timedelta(days=1)},
    ],
)
def test_an_expired_or_revoked_token_opens_nothing(change: dict[str, timedelta]) -> None:
    secret = builders.token()
    assert post(f"Bearer {secret}").status_code == 202
    Token.objects.update(**{name: timezone.now() + away for name, away in change.items()})
    assert post(f"Bearer {secret}").status_code == 401


def test_a_token_opens_until_it_expires() -> None:
    secret = builders.token(expires_at=timezone.now() + timedelta(minutes=1))
    assert post(f"Bearer {secret}").status_code == 202


def test_the_token_of_somebody_who_left_opens_nothing() -> None:
    owner = builders.person()
    secret = builders.token(owner=owner)
    assert post(f"Bearer {secret}").status_code == 202
    owner.is_active = False
    owner.save()
    assert post(f"Bearer {secret}").status_code == 401


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "Bearer a b", "Bearer unknown", "Bearer \xff", "Basic YTpi", "", None]
)
def test_a_bad_header_is_a_problem_document_that_says_how(authorization: str | None) -> None:
    builders.token()
    answer = post(authorization)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"] == 'Bearer realm="unmigratable"'
    assert answer.json()["title"] == "Not authenticated."


def test_a_token_without_the_scope_is_told_so() -> None:
    answer = post(f"Bearer {builders.token(scopes=(Scope.READ,))}")
    assert answer.status_code == 403 and answer.json()["detail"] == "This token lacks the scope submit."


def test_the_secret_is_nowhere_in_the_database() -> None:
    secret = builders.token()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE strpos(t::text, %s) > 0', [secret])
            assert cursor.fetchone() == (0,), table
    assert Token.objects.get().prefix == secret[:10]


def test_two_tokens_are_never_the_same() -> None:
    owner = builders.person()
    assert len({machines.add("box", owner) for _ in range(3)}) == 3
    assert Machine.objects.count() == 1


def test_use_is_noted_at_most_once_a_minute() -> None:
    builders.token()
    token, now = Token.objects.get(), timezone.now()

    def noted(seconds: int) -> Any:
        token.refresh_from_db()
        token.note_use(now + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert token.last_used_at is not None
        return round((token.last_used_at - now).total_seconds())

    assert [noted(seconds) for seconds in (0, 1, 60, 61, 62)] == [0, 0, 0, 61, 61]


@pytest.mark.parametrize("name", ["", "Box", "-box", "a b", "box\n", "a/b", "x" * 65])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        builders.token(name)
    assert not Token.objects.exists()


def test_a_name_that_is_somebody_elses_is_refused() -> None:
    builders.token("box")
    with pytest.raises(ValidationError, match="already exists"):
        builders.token("box")


def test_a_token_has_a_scope() -> None:
    with pytest.raises(IntegrityError, match="token_has_a_scope"), transaction.atomic():
        builders.token(scopes=())


def test_the_journal_tells_of_machine_and_token_without_the_secret() -> None:
    secret = builders.token("box")
    told = list(Event.objects.order_by("id").values_list("verb", "subject"))
    assert told == [("machine.added", "box"), ("token.made", "box")]
    assert secret not in str(list(Event.objects.values()))


def test_the_token_of_somebody_who_may_only_read_by_now_sends_nothing() -> None:
    owner = builders.person()
    secret = builders.token(owner=owner)
    assert post(f"Bearer {secret}").status_code == 202
    owner.role = Role.READER
    owner.save()
    assert post(f"Bearer {secret}").status_code == 403
    owner.role = Role.CONTRIBUTOR
    owner.save()
    assert post(f"Bearer {secret}").status_code == 202
