"""Machines and tokens for automation: who may, how many, and that no token makes itself a better one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from people.access import machines
from people.models import Event, Machine, Role, Scope, Standing, Token, User
from reports.models import Report
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
MACHINES = "/api/v1/machines/"
TOKENS = f"{MACHINES}farm/tokens/"
BOTH = (Scope.SUBMIT, Scope.MACHINES)


@pytest.fixture
def owner() -> User:
    return builders.person("lab")


def using(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def farm(owner: User, scopes: tuple[str, ...] = BOTH, **given: Any) -> Client:
    return using(builders.token("farm", owner, scopes=scopes, **given))


def post(client: Client, address: str, **body: Any) -> Any:
    return client.post(address, body, content_type="application/json")


def number(secret: str) -> int:
    token = Token.objects.holding(secret)
    assert token is not None
    return token.pk


def test_a_round_of_a_script(owner: User) -> None:
    """Adds a board, sends as it, renews its token, takes the old one back: with a journal of all."""
    client = farm(owner)
    added = post(client, MACHINES, name="board-7", days=30)
    assert added.status_code == 201 and added["Cache-Control"] == "no-store"
    told = added.json()["token"]
    assert client.get(added["Location"].removeprefix("http://testserver")).json() == told
    assert (told["machine"], told["scopes"], told["opens"]) == ("board-7", ["submit"], True)
    board = using(added.json()["secret"])
    assert board.post("/api/v1/reports/", builders.body(), "application/json").status_code == 202
    assert Report.objects.get().machine.name == "board-7"
    assert [one["machine"] for one in client.get(MACHINES).json()["results"]] == ["farm", "board-7"]
    assert client.get(f"{MACHINES}board-7/").json()["standing"] == "new"
    address = f"{MACHINES}board-7/tokens/{told['token']}/"
    renewed = client.post(f"{address}rotate/")
    assert renewed.status_code == 201 and renewed.json()["token"]["scopes"] == ["submit"]
    assert [client.post(f"{address}revoke/").json()["opens"] for _ in range(2)] == [False, False]
    assert board.get("/api/v1/whoami/").status_code == 401
    assert using(renewed.json()["secret"]).get("/api/v1/whoami/").json()["machine"] == "board-7"
    listed = client.get(f"{MACHINES}board-7/tokens/").json()["results"]
    assert [(one["prefix"], one["opens"]) for one in listed] == [
        (renewed.json()["token"]["prefix"], True),
        (told["prefix"], False),
    ]
    assert "secret" not in str(listed) and client.get(address).json() == listed[1]
    by = Token.objects.get(machine__name="farm").prefix
    lines = Event.objects.filter(subject="board-7").order_by("id").values_list("verb", "actor__username", "data")
    assert [(verb, actor, data["by"]) for verb, actor, data in lines] == [
        ("machine.added", "lab", by),
        ("token.made", "lab", by),
        ("token.made", "lab", by),
        ("token.revoked", "lab", by),
    ]
    assert lines[2][2]["replaces"] == told["prefix"]
    assert added.json()["secret"] not in str(list(Event.objects.values()))


def _asks() -> dict[str, Callable[[Client], Any]]:
    one = f"{TOKENS}{{}}/"
    return {
        "list": lambda client: client.get(MACHINES),
        "read": lambda client: client.get(f"{MACHINES}farm/"),
        "tokens": lambda client: client.get(TOKENS),
        "token": lambda client: client.get(one.format(_of_farm())),
        "add": lambda client: post(client, MACHINES, name="board-1"),
        "make": lambda client: post(client, TOKENS),
        "renew": lambda client: client.post(f"{one.format(_of_farm())}rotate/"),
        "revoke": lambda client: client.post(f"{one.format(_of_farm())}revoke/"),
    }


def _of_farm() -> int:
    return Token.objects.filter(machine__name="farm").earliest("id").pk


def _counts() -> tuple[int, int, int, int]:
    open_now = Token.objects.usable().count()
    return Machine.objects.count(), Token.objects.count(), open_now, Event.objects.count()


@pytest.mark.parametrize("ask", _asks())
def test_a_stranger_a_reader_and_a_token_without_the_scope_may_nothing(ask: str, owner: User) -> None:
    farm(owner)
    reader = Client()
    reader.force_login(builders.person(role=Role.READER))
    others = using(builders.token("plain", owner, scopes=(Scope.SUBMIT, Scope.READ, Scope.CURATE, Scope.SUBMIT_FOR)))
    of_a_reader = using(builders.token("once", builders.person(role=Role.READER), scopes=BOTH))
    before = _counts()
    answers = [_asks()[ask](client) for client in (Client(), using("umg_nothing"), reader, others, of_a_reader)]
    assert [answer.status_code for answer in answers] == [401, 401, 403, 403, 403]
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"} and _counts() == before


@pytest.mark.parametrize("ask", [name for name in _asks() if name not in ("list", "add")])
def test_of_somebody_elses_machine_there_is_nothing(ask: str, owner: User) -> None:
    farm(owner)
    other = using(builders.token("other", builders.person(), scopes=BOTH))
    before = _counts()
    assert _asks()[ask](other).status_code == 404 and _counts() == before
    boss = Client()
    boss.force_login(builders.person(role=Role.MAINTAINER))
    assert _asks()[ask](boss).status_code == 404 and _counts() == before


def test_a_token_of_another_machine_of_ones_own_is_not_found_below_this_one(owner: User) -> None:
    client = farm(owner)
    elsewhere = number(builders.token("board-1", owner))
    assert client.get(f"{TOKENS}{elsewhere}/").status_code == 404
    assert client.post(f"{TOKENS}{elsewhere}/revoke/").status_code == 404
    assert client.get(f"{TOKENS}{10**30}/").status_code == 404 and Token.objects.usable().count() == 2


@pytest.mark.parametrize(
    "scopes", [["machines"], ["submit", "machines"], ["curate"], ["read"], ["submit-for"], ["submit", "curate"]]
)
def test_a_token_hands_out_no_right_that_it_lacks_nor_that_of_making_tokens(scopes: list[str], owner: User) -> None:
    client = farm(owner)
    before = _counts()
    for answer in (post(client, TOKENS, scopes=scopes), post(client, MACHINES, name="board-1", scopes=scopes)):
        assert answer.status_code == 403 and answer.json()["detail"].startswith("This token cannot hand out: ")
    assert _counts() == before


def test_a_token_renews_itself_but_none_that_may_more(owner: User) -> None:
    secret = builders.token("farm", owner, scopes=BOTH)
    curator = number(builders.token("farm", owner, scopes=(Scope.CURATE,)))
    sibling = number(builders.token("farm", owner, scopes=BOTH))
    client = using(secret)
    for other in (curator, sibling):
        assert client.post(f"{TOKENS}{other}/rotate/").status_code == 403
    renewed = client.post(f"{TOKENS}{number(secret)}/rotate/")
    assert renewed.status_code == 201 and renewed.json()["token"]["scopes"] == ["machines", "submit"]
    assert client.post(f"{TOKENS}{curator}/revoke/").status_code == 200  # taking back gives nobody more


def test_what_a_token_makes_lives_no_longer_than_it_was_given_itself(owner: User) -> None:
    secret = builders.token("farm", owner, scopes=BOTH, expires_at=timezone.now() + timedelta(days=30, minutes=1))
    client = using(secret)
    for longer in (31, 3_650):
        assert post(client, TOKENS, days=longer).status_code == 403
        assert post(client, MACHINES, name="board-1", days=longer).status_code == 403
    without_end = number(builders.token("farm", owner))
    assert client.post(f"{TOKENS}{without_end}/rotate/").status_code == 403
    made = [post(client, TOKENS, days=30), post(client, TOKENS), client.post(f"{TOKENS}{number(secret)}/rotate/")]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    for answer in made:
        token = Token.objects.get(pk=answer.json()["token"]["token"])
        assert token.expires_at is not None and token.expires_at <= timezone.now() + timedelta(days=30, minutes=1)
    assert not Machine.objects.filter(name="board-1").exists()


def test_a_token_that_opens_nothing_any_more_is_not_renewed(owner: User) -> None:
    client = farm(owner)
    gone = [
        number(builders.token("farm", owner)),
        number(builders.token("farm", owner, expires_at=timezone.now() + timedelta(days=1))),
    ]
    Token.objects.filter(pk=gone[0]).update(revoked_at=timezone.now())
    Token.objects.filter(pk=gone[1]).update(expires_at=timezone.now() - timedelta(hours=1))
    before = _counts()
    assert [client.post(f"{TOKENS}{one}/rotate/").status_code for one in gone] == [409, 409] and _counts() == before


def test_somebody_who_is_not_trusted_adds_five_and_none_that_counts() -> None:
    newcomer = builders.person("newcomer")
    client = farm(newcomer, trusted=False)
    added = [post(client, MACHINES, name=f"board-{n}").status_code for n in range(6)]
    assert added == [201] * 4 + [422] * 2
    assert {*Machine.objects.values_list("standing", flat=True)} == {Standing.NEW}


@pytest.mark.parametrize(("standing", "expected"), [(Standing.TRUSTED, "trusted"), (Standing.NEW, "new")])
def test_only_a_trusted_machine_of_a_maintainer_adds_one_that_is_trusted(standing: Standing, expected: str) -> None:
    client = farm(builders.person(role=Role.MAINTAINER), trusted=standing == Standing.TRUSTED)
    assert post(client, MACHINES, name="board-1").status_code == 201
    assert Machine.objects.get(name="board-1").standing == expected


def test_a_withdrawn_machine_makes_nothing_and_may_take_back(owner: User) -> None:
    client = farm(owner)
    Machine.objects.update(standing=Standing.WITHDRAWN)
    answers = {name: ask(client).status_code for name, ask in _asks().items()}
    assert {name for name, status in answers.items() if status == 403} == {"add", "make", "renew"}
    assert answers["revoke"] == answers["list"] == answers["tokens"] == 200


def test_a_name_that_is_ones_own_or_somebody_elses_makes_nothing(owner: User) -> None:
    client = farm(owner)
    builders.token("taken", builders.person())
    before = _counts()
    own, taken, ours = (post(client, MACHINES, name=name) for name in ("farm", "taken", "recorded"))
    assert (own.status_code, taken.status_code, ours.status_code) == (409, 422, 422)
    assert taken.json()["errors"][0]["where"] == "/name" and _counts() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "Box"},
        {"name": "box\n"},
        {"name": "box\x00"},
        {"name": ["box"]},
        {"name": "box", "scopes": []},
        {"name": "box", "scopes": "submit"},
        {"name": "box", "scopes": ["submit", "submit"]},
        {"name": "box", "scopes": ["root"]},
        {"name": "box", "scopes": [None]},
        {"name": "box", "days": None},
        {"name": "box", "days": 0},
        {"name": "box", "days": 3_651},
        {"name": "box", "days": "30"},
        {"name": "box", "days": True},
        {"name": "box", "days": 10**400},
        {"name": "box", "trusted": True},
        {"name": "box", "owner": "boss"},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_a_422_that_says_where(body: dict[str, Any], owner: User) -> None:
    client = farm(owner)
    answer = client.post(MACHINES, body, content_type="application/json")
    assert answer.status_code == 422 and answer.json()["errors"][0]["where"].startswith("/")
    assert Machine.objects.count() == 1


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"[]", "application/json", 422), (b"null", "application/json", 422), (b"{", "application/json", 400),
    (b"name=box", "application/x-www-form-urlencoded", 415), (b"", "application/json", 422),
])  # fmt: skip
def test_a_body_that_is_no_object_makes_nothing(body: bytes, kind: str, status: int, owner: User) -> None:
    client = farm(owner)
    for address in (MACHINES, TOKENS):
        assert client.post(address, body, content_type=kind).status_code == status
    assert Machine.objects.count() == Token.objects.count() == 1


def test_the_number_of_tokens_that_open_is_bounded(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "MOST_TOKENS", 3)
    client = farm(owner)
    made = [post(client, TOKENS) for _ in range(3)]
    assert [one.status_code for one in made] == [201, 201, 422]
    assert client.post(f"{TOKENS}{_of_farm()}/rotate/").status_code == 422 and Token.objects.count() == 3
    assert client.post(f"{TOKENS}{made[0].json()['token']['token']}/revoke/").status_code == 200
    assert post(client, TOKENS).status_code == 201


def test_writing_counts_against_its_limit(owner: User, settings: Any) -> None:
    settings.LIMITS = {"write": (2, 3_600)}
    client = farm(owner)
    assert [post(client, TOKENS).status_code for _ in range(3)] == [201, 201, 429]
    assert client.get(TOKENS).status_code == 200


def test_a_person_gives_by_session_what_they_may_and_needs_the_forms_word(owner: User) -> None:
    farm(owner)
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert post(client, TOKENS, scopes=["machines"]).status_code == 403
    own = Client()
    own.force_login(owner)
    assert post(own, TOKENS, scopes=["machines", "curate"]).status_code == 201


def test_a_list_comes_in_pages_and_knows_its_parameters(owner: User) -> None:
    client = farm(owner)
    for n in range(4):
        post(client, MACHINES, name=f"board-{n}")
    first = client.get(f"{MACHINES}?limit=3").json()
    rest = client.get(first["next"]).json()
    assert [one["machine"] for one in first["results"] + rest["results"]] == ["farm", *(f"board-{n}" for n in range(4))]
    assert client.get(f"{MACHINES}?owner=boss").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_one_of_many_at_once_gets_the_name() -> None:
    clients = [using(builders.token(f"farm-{n}", builders.person(), scopes=BOTH)) for n in range(4)]
    statuses: list[int] = []

    def ask(client: Client) -> None:
        statuses.append(post(client, MACHINES, name="wanted").status_code)

    at_once(*(partial(ask, client) for client in clients))
    assert sorted(statuses) == [201, 422, 422, 422] and Machine.objects.filter(name="wanted").count() == 1
