"""Reading and changing a text over REST: by whom, on top of what, and what is told when it is not good."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Document, Revision
from catalog.models.text import Origin, State
from catalog.revisions import store
from people.models import Role, Scope, User
from tests import builders

pytestmark = pytest.mark.django_db

TEXT = builders.case_text(body="First.\r\n\nSecond.")
CHANGED = TEXT.replace("Second.", "Another.")
CASE = "/api/v1/cases/fuse-writeback/"


@pytest.fixture(autouse=True)
def loaded() -> None:
    store.save(TEXT, origin=Origin.FILE)


def editor() -> User:
    return builders.person(role=Role.EDITOR)


def put(text: str | bytes = CHANGED, match: str | None = '"1"', at: str = CASE, by: User | None = None, **given: Any) -> Any:  # fmt: skip  # noqa: E501
    """By a token of an editor's machine that may curate, unless told otherwise."""
    headers = {"Authorization": f"Bearer {builders.token(f'box-{Revision.objects.count()}', by or editor(), scopes=given.pop('scopes', (Scope.CURATE,)))}"}  # fmt: skip  # noqa: E501
    if match is not None:
        headers["If-Match"] = match
    given.setdefault("content_type", "text/markdown")
    return Client().put(at, text, headers=headers, **given)


def test_the_text_is_read_byte_for_byte_with_its_revision_as_etag() -> None:
    answer = Client().get(CASE, headers={"Accept": "text/markdown"})
    assert (answer.content.decode(), answer["ETag"]) == (TEXT, '"1"')
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    again = Client().get(CASE, headers={"Accept": "text/markdown", "If-None-Match": '"1"'})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().get(CASE).json()["revision"] == 1
    missing = Client().get("/api/v1/cases/none/", headers={"Accept": "text/markdown"})
    assert missing.status_code == 404 and missing.json()["status"] == 404


def test_what_is_known_of_a_case_is_not_sent_twice() -> None:
    first = Client().get(CASE)
    again = Client().get(CASE, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    put()
    assert Client().get(CASE, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_text_is_put_on_top_of_the_revision_that_it_names() -> None:
    by = editor()
    answer = put(by=by, QUERY_STRING="note=A+better+word")
    assert (answer.status_code, answer["ETag"], answer.json()["revision"]) == (200, '"2"', 2)
    made = Revision.objects.get(n=2)
    assert (made.text, made.author, made.base, made.note) == (CHANGED, by, 1, "A better word")
    assert Client().get(CASE, headers={"Accept": "text/markdown"}).content.decode() == CHANGED


def test_a_strategy_is_put_in_the_same_way() -> None:
    builders.strategy()
    answer = put(builders.strategy_text(title="Another"), at="/api/v1/strategies/a-strategy/")
    assert (answer.status_code, answer.json()["strategy"]) == (200, "a-strategy")
    read = Client().get("/api/v1/strategies/a-strategy/", headers={"Accept": "text/markdown"})
    assert 'title: "Another"' in read.content.decode() and read["ETag"] == '"2"'


@pytest.mark.parametrize(("match", "status"), [(None, 428), ("", 428), ('"0"', 412), ('W/"1"', 412), ("1", 412)])
def test_nothing_is_changed_on_top_of_anything_else(match: str | None, status: int) -> None:
    answer = put(match=match)
    assert answer.status_code == answer.json()["status"] == status
    assert Revision.objects.count() == 1


def test_who_was_slower_is_told_and_overwrites_nothing() -> None:
    assert put(CHANGED).status_code == 200
    assert put(TEXT.replace("Second.", "A third.")).status_code == 412
    assert Revision.objects.count() == 2


def test_errors_name_their_lines() -> None:
    bad = TEXT.replace('"writeback"', '"magic"')
    answer = put(bad)
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    line = bad.split("\n").index('mechanism: "magic"') + 1
    assert (error["where"], error["found"]) == (f"{line}:1", 'mechanism: "magic"')
    assert error["expected"].startswith("mechanism: expected one of writeback")
    assert Revision.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (builders.case_text("another"), 422),
        (builders.strategy_text("fuse-writeback"), 422),
        ("", 422),
        (b"---\n\xff", 422),
        (TEXT + "\x00", 422),
        (TEXT + "x" * 200_000, 422),
        (TEXT + "x" * 900_000, 413),
    ],
)
def test_a_text_that_is_not_good_is_a_problem_document(text: str | bytes, status: int) -> None:
    answer = put(text)
    assert answer.status_code == answer.json()["status"] == status
    assert Document.objects.count() == Revision.objects.count() == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/html", "application/xml"])
def test_another_media_type_is_refused(content_type: str) -> None:
    assert put("{}", content_type=content_type).status_code == 415


@pytest.mark.parametrize("content_type", ["text/markdown", "text/plain", "application/octet-stream"])
def test_a_text_is_taken_as_what_clients_can_call_it(content_type: str) -> None:
    assert put(CHANGED, content_type=content_type).status_code == 200
    assert Revision.objects.get(n=2).text == CHANGED


def test_a_token_that_may_not_curate_is_refused() -> None:
    assert put(scopes=(Scope.SUBMIT, Scope.READ)).status_code == 403
    assert Revision.objects.count() == 1


@pytest.mark.parametrize("role", [Role.READER, Role.CONTRIBUTOR])
def test_a_token_may_no_more_than_its_owner(role: str) -> None:
    assert put(by=builders.person(role=role)).status_code == 403
    assert Revision.objects.count() == 1


def test_a_stranger_is_asked_who_they_are() -> None:
    answer = Client().put(CASE, CHANGED, content_type="text/markdown", headers={"If-Match": '"1"'})
    assert answer.status_code == 401 and "curate" in answer.json()["detail"]


def test_a_session_may_too_with_its_csrf_token() -> None:
    for strict, status in ((True, 403), (False, 200)):
        client = Client(enforce_csrf_checks=strict)
        client.force_login(editor())
        answer = client.put(CASE, CHANGED, content_type="text/markdown", headers={"If-Match": '"1"'})
        assert answer.status_code == status
    assert Revision.objects.count() == 2


def test_a_draft_is_unknown_to_a_token_that_may_not_read_what_its_owner_reads() -> None:
    store.save(builders.case_text("secret"), origin=Origin.SITE, new=True, state=State.DRAFT)
    by, text, at = editor(), builders.case_text("secret", body="Changed."), "/api/v1/cases/secret/"
    assert put(text, at=at, by=by).status_code == 404
    assert put(text, at=at, by=by, scopes=(Scope.CURATE, Scope.READ)).status_code == 200
    assert Revision.objects.order_by("-id")[0].in_draft


def test_a_text_that_names_a_draft_is_not_read_by_strangers() -> None:
    store.save(builders.case_text("secret"), origin=Origin.SITE, new=True, state=State.DRAFT)
    for cases in (("fuse-writeback",), ("fuse-writeback", "secret")):
        builders.strategy(cases=cases)
    reader = Client()
    read = {"Accept": "text/markdown"}
    for path in ("/strategies/a-strategy/diff/?a=1&b=2", "/api/v1/strategies/a-strategy/"):
        assert reader.get(path, headers=read if "api" in path else {}).status_code == 404
    assert "secret" not in reader.get("/strategies/a-strategy/@2").content.decode()
    reader.force_login(editor())
    assert "secret" in reader.get("/strategies/a-strategy/diff/?a=1&b=2").content.decode()
    assert "secret" in reader.get("/api/v1/strategies/a-strategy/", headers=read).content.decode()
