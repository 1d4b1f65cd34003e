"""One's own webhooks on pages: made, changed, tested, deleted, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from people.models import User
from tests import builders
from webhooks import keeping
from webhooks.models import Delivery, Hook

pytestmark = pytest.mark.django_db
URL = "https://hook.example.org/in"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The broker's bell."""
    rung: list[str] = []
    monkeypatch.setattr("webhooks.views.ring", rung.append)
    yield rung


@pytest.fixture
def jane() -> User:
    return builders.person("jane")


@pytest.fixture
def client(jane: User) -> Client:
    made = Client()
    made.force_login(jane)
    return made


def add(client: Client, **changed: Any) -> Any:
    return client.post("/account/webhooks/", {"url": URL, "verbs": ["outcome.changed"], **changed})


def test_the_secret_is_shown_once_and_kept_by_no_cache(client: Client, jane: User) -> None:
    answer = add(client)
    mine = Hook.objects.get()
    assert mine.owner == jane and mine.secret in answer.content.decode() and mine.secret.startswith("whsec_")
    assert answer["Cache-Control"] == "no-store"
    again = client.get(mine.get_absolute_url())
    assert "whsec_" not in again.content.decode() and URL in again.content.decode()
    rotated = client.post(f"{mine.get_absolute_url()}act/", {"act": "rotate"}).content.decode()
    mine.refresh_from_db()
    assert mine.secret in rotated and mine.secret_before and mine.secret_before not in rotated


@pytest.mark.parametrize(
    "changed",
    [
        *({"url": url} for url in ("http://example.org/", "https://127.0.0.1/", "https://[::1]/", "https://a b/", "")),
        *({"verbs": verbs} for verbs in ([], ["token.made"], ["outcome.changed", "x"])),
        *({"case": "none"}, {"machine": "none"}, {"kernel": "6.18\x00"}, {"kernel": "x" * 131}),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(client: Client, changed: dict[str, Any]) -> None:
    answer = add(client, **changed)
    assert answer.status_code == 422 and "errorlist" in answer.content.decode()
    assert not Hook.objects.exists()


def test_a_draft_is_no_case_to_whoever_may_not_see_it(client: Client) -> None:
    builders.case("hidden")
    from catalog.models import Document

    Document.objects.update(state="draft")
    assert add(client, case="hidden").status_code == 422


def test_it_is_changed_tested_disabled_enabled_and_deleted(client: Client, quiet: list[str]) -> None:
    builders.case()
    add(client)
    mine = Hook.objects.get()
    here = mine.get_absolute_url()
    client.post(
        here, {"url": URL, "verbs": ["build.new", "evidence.first"], "case": "fuse-writeback", "kernel": "6.18"}
    )
    mine.refresh_from_db()
    assert (mine.verbs, mine.case, mine.kernel) == (["build.new", "evidence.first"], "fuse-writeback", "6.18")
    for _ in range(3):
        client.post(f"{here}act/", {"act": "ping"})
    assert Delivery.objects.get().verb == "ping" and quiet == ["hooks.tell"] * 3, "one test waits at the most"
    assert "ping" in client.get(here).content.decode()
    client.post(f"{here}act/", {"act": "disable"})
    assert Delivery.objects.get().state == "given_up" and "disabled" in client.get(here).content.decode()
    one = Delivery.objects.get()
    client.post(f"{here}{one.pk}/")
    assert Delivery.objects.get().state == "given_up", "nothing is sent to one that is disabled"
    client.post(f"{here}act/", {"act": "enable"})
    client.post(f"{here}{one.pk}/")
    assert Delivery.objects.get().state == "waiting"
    page = client.get(f"{here}{one.pk}/").content.decode()
    assert one.message_id in page and "&quot;type&quot;: &quot;ping&quot;" in page
    client.post(f"{here}act/", {"act": "delete"})
    assert not Hook.objects.exists() and not Delivery.objects.exists()


def test_nobody_else_sees_or_touches_it(client: Client) -> None:
    theirs = keeping.add(builders.person("eve"), URL, ["build.new"])
    one = keeping.ping(theirs)
    assert one is not None
    here = theirs.get_absolute_url()
    for path in (here, f"{here}{one.pk}/"):
        assert client.get(path).status_code == client.post(path).status_code == 404
        assert Client().get(path).status_code == 302
    assert client.post(f"{here}act/", {"act": "delete"}).status_code == 404
    assert URL not in client.get("/account/webhooks/").content.decode()
    assert Hook.objects.exists()


def test_what_a_receiver_or_a_log_says_is_text(client: Client, jane: User) -> None:
    mine = keeping.add(jane, "https://example.org/?<script>x</script>", ["build.new"])
    Delivery.objects.create(hook=mine, verb="ping", body='{"type": "<script>x</script>"}', answer="<script>x</script>")
    for path in (
        "/account/webhooks/",
        mine.get_absolute_url(),
        f"{mine.get_absolute_url()}{Delivery.objects.get().pk}/",
    ):
        page = client.get(path).content.decode()
        assert "<script>x" not in page and not re.search(r'style="', page)


def test_the_log_costs_no_more_for_more(client: Client, jane: User) -> None:
    mine = keeping.add(jane, URL, ["build.new"])

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(mine.get_absolute_url())
        return len(asked)

    Delivery.objects.create(hook=mine, verb="ping", body="{}")
    client.get(mine.get_absolute_url())
    few = cost()
    Delivery.objects.bulk_create(Delivery(hook=mine, verb="ping", body="{}") for _ in range(60))
    assert cost() == few
