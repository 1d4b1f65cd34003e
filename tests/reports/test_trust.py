"""Whose results count, and what becomes of them when that changes. Machines' pages, and their tokens."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from catalog.models import Tally
from people.models import Event, Machine, Role, Scope, Standing, Token, User
from reports.models import Evidence
from reports.review import trust
from reports.totals import check
from reports.worker import ingest
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def maintainer() -> User:
    return builders.person("chief", Role.MAINTAINER)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def new_machine(name: str = "newcomer") -> Machine:
    builders.token(name, trusted=False)
    return Machine.objects.get(name=name)


def counted() -> int:
    assert check.disagreements() == check.miscounts() == []
    return sum(Tally.objects.values_list("runs", flat=True))


def test_a_new_machines_results_are_shown_and_wait_for_trust_before_they_count(maintainer: User) -> None:
    builders.case()
    sender = new_machine()
    builders.settled(sender=sender)
    assert (Evidence.objects.count(), counted()) == (1, 0)
    page = Client().get("/cases/fuse-writeback/").content.decode()
    assert "newcomer" in page and "does not count" in page
    assert "Nothing that was measured counts yet." in page and "Not measured here yet" not in page
    (row,) = Client().get("/api/v1/cases/fuse-writeback/evidence/").json()["results"]
    assert row["does_not_count"] == "machine new"
    trust.let_stand(sender, Standing.TRUSTED, maintainer)
    assert counted() == 1
    assert "does_not_count" not in Client().get("/api/v1/cases/fuse-writeback/evidence/").json()["results"][0]
    builders.settled(sender=sender)
    assert counted() == 2


def test_one_act_withdraws_all_that_a_machine_sent_and_one_undoes_it(maintainer: User) -> None:
    builders.case()
    sender, other = builders.machine("box"), builders.machine("other")
    for _ in range(3):
        builders.settled(sender=sender)
    builders.settled(builders.moving_run(), sender=other)
    before = list(Tally.objects.order_by("outcome").values("outcome", "runs", "histogram", "last_seen_at"))
    trust.let_stand(sender, Standing.WITHDRAWN, maintainer)
    assert (counted(), Evidence.objects.count()) == (1, 4)
    builders.settled(sender=sender)
    assert counted() == 1, "what it sends meanwhile does not count either"
    Evidence.objects.filter(report__in=Evidence.objects.order_by("-id").values("report")[:1]).delete()
    trust.let_stand(sender, Standing.TRUSTED, maintainer)
    assert list(Tally.objects.order_by("outcome").values("outcome", "runs", "histogram", "last_seen_at")) == before
    told = Event.objects.filter(subject_kind="machine", actor=maintainer).order_by("id")
    assert list(told.values_list("verb", "subject")) == [("machine.withdrawn", "box"), ("machine.trusted", "box")]


@pytest.mark.django_db(transaction=True)
def test_trust_given_while_reports_settle_counts_each_once() -> None:
    builders.case()
    chief, sender = builders.person("chief", Role.MAINTAINER), new_machine()
    for _ in range(300):
        builders.report(sender=sender)

    def waver() -> None:
        for standing in [Standing.TRUSTED, Standing.WITHDRAWN] * 5 + [Standing.TRUSTED]:
            trust.let_stand(sender, standing, chief)

    at_once(ingest.drain, waver, ingest.drain)
    ingest.drain()
    assert counted() == 300


@pytest.mark.django_db(transaction=True)
def test_a_machine_whose_standing_changes_may_send_meanwhile(maintainer: User) -> None:
    builders.case()
    sender = builders.machine("box")
    builders.settled(sender=sender)
    taken: list[Any] = []

    def send() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20s'")
        taken.append(builders.report(sender=sender))

    with transaction.atomic():
        trust.let_stand(sender, Standing.WITHDRAWN, maintainer)
        at_once(send)
        assert len(taken) == 1


def test_only_maintainers_say_whose_results_count(maintainer: User) -> None:
    new_machine()
    for person, code in ((builders.person("editor", Role.EDITOR), 403), (maintainer, 302)):
        answer = signed_in(person).post("/machines/newcomer/standing", {"standing": "trusted"})
        assert answer.status_code == code
    assert Machine.objects.get().standing == "trusted"
    assert "Withdraw its reports" in signed_in(maintainer).get("/machines/newcomer/").content.decode()
    assert "Withdraw" not in Client().get("/machines/newcomer/").content.decode()


def test_a_machine_is_added_on_its_page_and_its_secret_is_shown_once() -> None:
    owner = builders.person()
    client = signed_in(owner)
    answer = client.post("/machines/", {"name": "my-box"})
    (secret,) = re.findall(r"umg_[\w-]{43}", answer.content.decode())
    assert answer["Cache-Control"] == "no-store"
    found = Token.objects.holding(secret)
    assert found is not None and (found.machine.name, found.machine.standing) == ("my-box", "new")
    assert secret not in client.get("/machines/my-box/").content.decode()
    again = client.post("/machines/", {"name": "my-box"})
    assert again.status_code == 200, "a further token for one's own"
    other = signed_in(builders.person()).post("/machines/", {"name": "my-box"})
    assert other.status_code == 422 and "already exists" in other.content.decode()
    assert client.post("/machines/", {"name": "My Box"}).status_code == 422
    assert Client().post("/machines/", {"name": "x"}).status_code == 403


def test_a_maintainers_own_machine_is_trusted_from_the_start(maintainer: User) -> None:
    signed_in(maintainer).post("/machines/", {"name": "lab"})
    assert Machine.objects.get().standing == "trusted"


def test_a_new_secret_takes_the_old_ones_place_with_a_day_of_overlap() -> None:
    owner = builders.person()
    old = builders.token("box", owner, scopes=(Scope.SUBMIT, Scope.READ))
    answer = signed_in(owner).post("/machines/box/token", {"token": Token.objects.get().pk, "act": "rotate"})
    (new,) = re.findall(r"umg_[\w-]{43}", answer.content.decode())
    first, second = Token.objects.holding(old), Token.objects.holding(new)
    assert first is not None and second is not None and second.scopes == first.scopes
    assert first.expires_at is not None and second.expires_at is None
    assert timedelta(hours=23) < first.expires_at - timezone.now() <= timedelta(days=1)
    Token.objects.filter(pk=first.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    assert Token.objects.holding(old) is None and Token.objects.holding(new) is not None


def test_tokens_are_made_with_scopes_and_an_end_and_taken_back() -> None:
    owner = builders.person()
    secret = builders.token("box", owner)
    client = signed_in(owner)
    client.post("/machines/box/token", {"scopes": ["read", "curate"], "days": "7"})
    made = Token.objects.order_by("-id").first()
    assert made is not None and made.scopes == ["read", "curate"] and made.expires_at is not None
    assert "This cannot be undone." in client.get("/machines/box/").content.decode(), "it is asked once more"
    done = client.post(
        "/machines/box/token", {"token": Token.objects.order_by("id")[0].pk, "act": "revoke"}, follow=True
    ).content.decode()
    assert '<p class="notice success" role="status">Token ' in done and "Requests with it now get 401." in done
    assert Token.objects.holding(secret) is None
    assert Event.objects.filter(verb="token.revoked").count() == 1
    bad = client.post("/machines/box/token", {"scopes": ["everything"]}, follow=True)
    assert Token.objects.count() == 2 and "everything" in bad.content.decode()
    bad = client.post("/machines/box/token", {"days": "9999"}, follow=True)
    said = "Choose a scope at least. A token expires after 1 to 3650 days, or never."
    assert f'<p class="notice danger" role="status">{said}</p>' in bad.content.decode()
    stranger = signed_in(builders.person())
    assert stranger.post("/machines/box/token", {"scopes": ["read"]}).status_code == 403
    assert "Tokens" not in stranger.get("/machines/box/").content.decode()


def test_whoami_tells_a_machine_what_it_is_and_may() -> None:
    secret = builders.token("box", builders.person("anna"), trusted=False)
    told = Client().get("/api/v1/whoami/", headers={"Authorization": f"Bearer {secret}"})
    assert told.json() == {
        "person": "anna",
        "machine": "box",
        "standing": "new",
        "scopes": ["submit"],
        "token_prefix": secret[:10],
    }
    assert signed_in(builders.person("bert")).get("/api/v1/whoami/").json() == {"person": "bert", "role": "contributor"}
    assert Client().get("/api/v1/whoami/").status_code == 401


def test_the_lists_of_machines_and_their_pages_take_the_same_queries_for_many(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(5):
        for _ in range(3):
            builders.report(sender=builders.machine(f"box-{number}") if _ == 0 else Machine.objects.last())
    with django_assert_max_num_queries(2):
        assert Client().get("/machines/").status_code == 200
    with django_assert_max_num_queries(6):  # two of them tell what was found in the newest reports
        assert Client().get("/machines/box-1/").status_code == 200


def test_an_owner_withdraws_what_a_machine_of_theirs_sent_and_nothing_more(maintainer: User) -> None:
    builders.case()
    sender = builders.machine("box")
    builders.settled(sender=sender)
    owner, page = signed_in(sender.owner), "/machines/box/"
    assert "Withdraw its reports" in owner.get(page).content.decode()
    assert "Trust this machine" not in owner.get(page).content.decode()
    stranger = signed_in(builders.person("stranger"))
    assert "Withdraw its reports" not in stranger.get(page).content.decode()
    assert stranger.post(f"{page}standing", {"standing": "withdrawn"}).status_code == 403
    assert counted() == 1
    assert owner.post(f"{page}standing", {"standing": "withdrawn"}).status_code == 302
    assert counted() == 0
    for wanted in ("trusted", "new", "nonsense", "withdrawn"):
        assert owner.post(f"{page}standing", {"standing": wanted}).status_code == 403
    assert "Withdraw its reports" not in owner.get(page).content.decode()
    assert signed_in(maintainer).post(f"{page}standing", {"standing": "trusted"}).status_code == 302
    assert counted() == 1


def test_who_is_not_signed_in_is_told_how_a_machine_is_added() -> None:
    assert "to add a machine of yours" in Client().get("/machines/").content.decode()
