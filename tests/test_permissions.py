"""docs/permissions.md, row by row: every right as each role, through pages and API alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.models import Document
from catalog.models.text import Origin
from catalog.revisions import store
from discussion.comments import threads
from discussion.mail import importer, letters
from discussion.models import Comment
from discussion.moderating import moderation
from people.models import Role, Scope, Token, User
from tests import builders
from tests.discussion.mailbox import mail, mbox

pytestmark = pytest.mark.django_db
RANKS = ["stranger", *Role.values]


@dataclass(frozen=True)
class Row:
    what: str
    on: str
    pages: bool
    api: bool
    least: str
    also: str

    @property
    def key(self) -> str:
        return f"{self.what}: {self.on}"

    def allows(self, role: str) -> bool:
        return self.least != "nobody" and RANKS.index(role) >= RANKS.index(self.least)


def _rows() -> list[Row]:
    text = (Path(__file__).parents[1] / "docs" / "permissions.md").read_text()
    table = [line.strip("|\n").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in table[2:]]
    return [Row(c[0], c[1], c[2] == "yes", c[3] == "yes", c[4], c[5]) for c in cells]


ROWS = _rows()


@dataclass(frozen=True)
class World:
    """A case and a strategy with comments, a draft with one; `author` wrote them all."""

    author: User
    case: Document
    draft: Document
    comment: Comment
    waiting: Comment
    hidden: Comment
    report: Any


@pytest.fixture(scope="module")
def world(once: Callable[..., World]) -> World:
    return once(_world)


def _world() -> World:
    author, boss = builders.person("author"), builders.person("boss", Role.MAINTAINER)
    case = builders.case().document
    draft = builders.case("a-draft", title="DRAFTED").document
    Document.objects.filter(pk=draft.pk).update(state="draft")
    draft.refresh_from_db()
    text = builders.strategy_text(objections=[{"id": "one", "text": "It costs."}])
    store.save(text, origin=Origin.SITE, author=author)
    locked = builders.case("locked").document
    moderation.lock(locked, boss, "Enough.")
    comment = threads.say(case, author, "SAID.")
    waiting, hidden = threads.say(case, author, "WAITING."), threads.say(case, author, "HIDDEN.")
    Comment.objects.filter(pk=waiting.pk).update(visibility="waiting")
    moderation.hide(hidden, boss, "Rude.")
    threads.say(draft, boss, "OF THE DRAFT.")
    importer.take(letters.read(mbox(mail("a", text="Ask dora@example.org"))), [case])
    return World(author, case, draft, comment, waiting, hidden, builders.settled())


Try = Callable[[World, Client, bool], Any]


def _reads(path: str, word: str, api: str = "") -> Try:
    def attempt(world: World, client: Client, by_api: bool) -> bool:
        answer = client.get(api if by_api else path)
        return answer.status_code == 200 and word in answer.content.decode()

    return attempt


def _posts(path: str, api: str = "", **fields: str) -> Try:
    """`{name}` in a path is the number of that thing in the world."""

    def attempt(world: World, client: Client, by_api: bool) -> bool:
        numbers = {name: getattr(thing, "pk", "") for name, thing in vars(world).items()}
        locked = Document.objects.get(slug="locked").pk
        if by_api:
            answer = client.post(api.format(**numbers), fields, content_type="application/json")
        else:
            answer = client.post(path.format(**numbers, locked=locked), fields)
        turned_away = answer.headers.get("Location", "").startswith("/sign-in/")
        return answer.status_code < 400 and not turned_away

    return attempt


def _saying(where: str, slug: str) -> Try:
    return _posts(f"/discussion/{{{where}}}/", f"/api/v1/cases/{slug}/comments/", text="Mine.")


def _edits(world: World, client: Client, by_api: bool) -> bool:
    text = builders.case_text(title="Another title")
    if by_api:
        path, match = "/api/v1/cases/fuse-writeback/", {"If-Match": '"1"'}
        return client.put(path, text, content_type="text/markdown", headers=match).status_code < 400
    answer = client.post("/cases/fuse-writeback/edit/", {"text": text, "base": "1", "act": "save", "note": "A title."})
    return Document.objects.get(pk=world.case.pk).current.n == 2 and answer.status_code < 400


_STRATEGY = {"title": "Another way out", "approach": "bound_time", "summary": "It would end after a while, at last.",
             "case_1": "fuse-writeback", "effect_1": "helps", "why_1": "It ends."}  # fmt: skip
_COMMENTS = "/api/v1/cases/fuse-writeback/comments/"
TRIES: dict[str, list[Try]] = {
    "read: a case, a strategy, comments": [
        _reads("/cases/fuse-writeback/", "SAID.", _COMMENTS),
        _reads("/strategies/a-strategy/", "The strategy", "/api/v1/strategies/a-strategy/"),
    ],
    "read: a draft, what is said of it": [
        _reads("/cases/a-draft/", "DRAFTED", "/api/v1/cases/a-draft/"),
        _reads("/cases/a-draft/", "OF THE DRAFT.", "/api/v1/cases/a-draft/comments/"),
    ],
    "read: a comment that waits": [_reads("/cases/fuse-writeback/", "WAITING.", _COMMENTS)],
    "read: the words of a hidden comment": [_reads("/cases/fuse-writeback/", "HIDDEN.", _COMMENTS)],
    "read: imported mail, with addresses": [_reads("/mail/a@example.org/", "dora@example.org")],
    "say: of a case or strategy": [_saying("case", "fuse-writeback")],
    "say: of a draft": [_saying("draft", "a-draft")],
    "say: of what is locked": [_saying("locked", "locked")],
    "edit: a comment": [_posts("/c/{comment}/edit/", text="Other words.", base="0")],
    "resolve: a thread": [_posts("/c/{comment}/resolve/", resolved="yes")],
    "flag: a comment of somebody else": [_posts("/c/{comment}/flag/", why="Rude.")],
    "hide, show, let through: a comment": [
        _reads("/moderation/", "WAITING."),
        _posts("/c/{comment}/hide/", why="Rude."),
        _posts("/c/{hidden}/show/"),
        _posts("/c/{waiting}/pass/", n="0"),
    ],
    "lock: a discussion": [_posts("/discussion/{case}/lock/", why="Enough.")],
    "object, answer: to a strategy": [
        _posts("/strategies/a-strategy/object/", text="It costs."),
        _posts("/strategies/a-strategy/objections/one/", text="Not much."),
    ],
    "move: a strategy's state": [_posts("/strategies/a-strategy/move/", state="posted")],
    "drive: a strategy that nobody drives": [_posts("/strategies/a-strategy/drive/")],
    "propose: a strategy": [_posts("/strategies/new/", **_STRATEGY)],
    "edit: a text": [_edits],
    "import: mail": [_posts("/mail/import/", message_id="b@example.org", about="fuse-writeback")],
    "hold: a session": [_posts("/agenda/begin/", title="In the room", held_on="2026-05-05")],
    "follow: anything, by mail": [
        _posts("/follow/", "/api/v1/follows/", kind="case", name="fuse-writeback", cadence="daily")
    ],
    "let through, decline: mail of strangers": [_reads("/moderation/mail/", "Mail that came in")],
    "see, send again: the outbox": [_reads("/outbox/", "In doubt, or given up")],
    "ban: a person": [_posts("/people/author/ban/", why="Threats.")],
    "read: a report's bytes": [
        lambda world, client, by_api: client.get(f"/reports/{world.report.pk}/raw").status_code == 200
    ],
}


def client_of(role: str, user: User | None = None) -> Client:
    client = Client()
    if role != "stranger":
        client.force_login(user or builders.person(role=role))
    return client


def with_token(role: str) -> Client:
    """The same by a machine's token that may read and curate for its owner."""
    if role == "stranger":
        return Client()
    secret = builders.token(
        f"{role}-{Token.objects.count()}", builders.person(role=role), scopes=(Scope.READ, Scope.CURATE)
    )
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_the_table_and_the_tries_name_the_same_rights() -> None:
    assert [row.key for row in ROWS] == list(TRIES)


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("row", [r for r in ROWS if r.pages], ids=lambda row: row.key)
def test_on_pages(world: World, row: Row, role: str) -> None:
    for attempt in TRIES[row.key]:
        assert attempt(world, client_of(role), False) is row.allows(role)


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("row", [r for r in ROWS if r.api], ids=lambda row: row.key)
def test_by_api(world: World, row: Row, role: str) -> None:
    for attempt in TRIES[row.key]:
        assert attempt(world, client_of(role), True) is row.allows(role)


@pytest.mark.parametrize("role", RANKS)
@pytest.mark.parametrize("row", [r for r in ROWS if r.api], ids=lambda row: row.key)
def test_by_a_token_that_has_its_owners_rights(world: World, row: Row, role: str) -> None:
    for attempt in TRIES[row.key]:
        assert attempt(world, with_token(role), True) is row.allows(role)


@pytest.mark.parametrize("row", [r for r in ROWS if r.also], ids=lambda row: row.key)
def test_whose_it_is_may_too(world: World, row: Row) -> None:
    for attempt in TRIES[row.key]:
        assert attempt(world, client_of("contributor", world.author), False)


@pytest.mark.parametrize("row", [r for r in ROWS if r.least not in ("stranger", "nobody")], ids=lambda row: row.key)
def test_who_is_banned_may_nothing_more(world: World, row: Row) -> None:
    gone = builders.person(role=Role.MAINTAINER)
    client = client_of("maintainer", gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for attempt in TRIES[row.key]:
        assert not attempt(world, client, False)
