"""A draft is an editor's alone: everybody else is told that there is no such thing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.test import Client

from catalog.models import Case, Document, Strategy
from catalog.models.text import Origin, State
from catalog.revisions import states, store
from discussion.comments import threads
from people.models import Role, Scope
from tests import builders

pytestmark = pytest.mark.django_db

PATHS = [
    "/cases/secret-case/",
    "/cases/secret-alias/",
    "/cases/secret-case/@1",
    "/strategies/secret-strategy/",
    "/api/v1/cases/secret-case/",
    "/api/v1/cases/secret-alias/",
    "/api/v1/cases/secret-case/evidence/",
]
LISTS = ["/", "/?q=secret", "/strategies/", "/api/v1/cases/", "/cases/fuse-writeback/", "/strategies/a-strategy/"]


@pytest.fixture(autouse=True, scope="module")
def drafts(once: Callable[..., None]) -> None:
    once(_drafts)


def _drafts() -> None:
    builders.case()
    builders.case("secret-case", aliases=["secret-alias"], subsystems=["secret subsystem"])
    builders.strategy(cases=("fuse-writeback", "secret-case"))
    secret = builders.strategy("secret-strategy", cases=("fuse-writeback", "secret-case"))
    Document.objects.filter(slug__startswith="secret").update(state=State.DRAFT)
    threads.say(secret.document, builders.person(), "A secret comment.")
    builders.settled(builders.run("secret-case"))


def client(role: str) -> Client:
    made = Client()
    if role:
        made.force_login(builders.person(role=role))
    return made


@pytest.mark.parametrize("role", ["", Role.READER, Role.CONTRIBUTOR])
def test_a_draft_is_404(role: str) -> None:
    reader = client(role)
    assert {path: reader.get(path).status_code for path in PATHS} == dict.fromkeys(PATHS, 404)


@pytest.mark.parametrize("role", ["", Role.READER, Role.CONTRIBUTOR])
def test_a_draft_is_in_no_list(role: str) -> None:
    reader = client(role)
    texts = {path: reader.get(path).content.decode() for path in LISTS}
    asked = re.compile(r'q=secret|value="secret"|“secret”')
    assert [path for path, text in texts.items() if "secret" in asked.sub("", text)] == []


@pytest.mark.parametrize("role", [Role.EDITOR, Role.MAINTAINER])
def test_an_editor_sees_drafts(role: str) -> None:
    reader = client(role)
    answers = {path: reader.get(path, follow=True) for path in PATHS + LISTS}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert [path for path, answer in answers.items() if "secret" not in answer.content.decode()] == []


def test_nobody_but_an_editor_comments_on_a_draft() -> None:
    secret = Case.objects.get(slug="secret-case")
    address = f"/discussion/{secret.pk}/"
    assert client(Role.CONTRIBUTOR).post(address, {"text": "Hello"}).status_code == 404
    assert client(Role.EDITOR).post(address, {"text": "Hello"}).status_code == 302


def test_a_contributor_cannot_propose_for_a_draft() -> None:
    assert "secret-case" not in client(Role.CONTRIBUTOR).get("/strategies/new/").content.decode()
    assert "secret-case" in client(Role.EDITOR).get("/strategies/new/").content.decode()


def test_who_is_no_longer_active_sees_no_draft() -> None:
    editor = builders.person(role=Role.EDITOR)
    assert Strategy.objects.visible_to(editor).count() == 2
    editor.is_active = False
    assert Strategy.objects.visible_to(editor).count() == 1


def test_a_machine_sees_what_strangers_see_unless_its_token_may_read() -> None:
    builders.case("published")
    builders.case("hidden")
    Document.objects.filter(slug="hidden").update(state="draft")
    editor = builders.person(role=Role.EDITOR)
    seen = {}
    for scope in (Scope.SUBMIT, Scope.READ):
        secret = builders.token(f"box-{scope}", owner=editor, scopes=(scope,))
        answer = Client().get("/api/v1/cases/", headers={"Authorization": f"Bearer {secret}"})
        listed = {case["case"] for case in answer.json()["results"]}
        seen[scope] = listed & {"published", "hidden"}
    assert seen == {Scope.SUBMIT: {"published"}, Scope.READ: {"published", "hidden"}}


def test_what_a_strategy_says_of_a_case_is_found_while_the_case_is_public() -> None:
    why = [{"case": case, "effect": "helps", "why": f"Grants zyx-{case}."} for case in ("late", "fuse-writeback")]
    builders.strategy("speaking", cases=("late", "fuse-writeback"))
    text = builders.strategy_text("speaking", cases=())
    store.save(text.replace("cases: []", f"cases: {json.dumps(why)}"), origin=Origin.SITE)

    def found() -> bool:
        return "speaking" in client("").get("/search/?q=zyx-late").content.decode()

    assert found(), "named before it was written"
    late = store.save(builders.case_text("late"), origin=Origin.SITE, state=State.DRAFT).document
    assert not found()
    assert "The strategy speaking" in client("").get("/search/?q=zyx-fuse-writeback").content.decode()
    states.move(late, "publish", None)
    assert found()
    states.move(late, "withdraw", None, reason="Not yet.")
    assert not found()
    told = [json.loads(line) for line in client("").get("/export/documents.ndjson").getvalue().splitlines()]  # type: ignore[attr-defined]
    assert {one["slug"] for one in told if "text" not in one} == {"a-strategy", "speaking"}
