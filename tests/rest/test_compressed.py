"""Answers of the API, compressed where a stranger asks for it, with tags that work; and read by other sites' pages."""

from __future__ import annotations

import gzip

import pytest
from django.test import Client

from people.models import Role, Scope
from tests import builders

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/openapi.json"
PACKED = {"Accept-Encoding": "gzip"}


def test_compressed_and_plain_are_the_same_text_under_two_strong_tags() -> None:
    plain, packed, again = (
        Client().get(ADDRESS),
        Client().get(ADDRESS, headers=PACKED),
        Client().get(ADDRESS, headers=PACKED),
    )
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    assert len(packed.content) * 5 < len(plain.content)
    assert packed.content == again.content, "one strong tag names one sequence of bytes"
    assert packed["ETag"] == plain["ETag"][:-1] + '-gzip"' and not packed["ETag"].startswith("W/")
    for one in (plain, packed):
        assert "Accept-Encoding" in one["Vary"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_either_tag_is_answered_304_with_itself(encoding: str) -> None:
    tag = Client().get(ADDRESS, headers={"Accept-Encoding": encoding})["ETag"]
    answer = Client().get(ADDRESS, headers={"Accept-Encoding": encoding, "If-None-Match": f'"other", {tag}'})
    assert (answer.status_code, answer["ETag"]) == (304, tag) and "Accept-Encoding" in answer["Vary"]
    assert Client().get(ADDRESS, headers={"If-None-Match": '"other-gzip"'}).status_code == 200


def test_what_was_read_compressed_may_be_changed() -> None:
    builders.case()
    secret = builders.token("editors", builders.person(role=Role.EDITOR), scopes=[Scope.CURATE])
    read = {"Accept": "text/markdown", **PACKED}
    tag = Client().get("/api/v1/cases/fuse-writeback/", headers=read)["ETag"]
    assert tag == '"1-gzip"'
    sent = {"Authorization": f"Bearer {secret}", "If-Match": tag}
    text = builders.case_text(body="Another summary.")
    answer = Client().put("/api/v1/cases/fuse-writeback/", text, "text/markdown", headers=sent)
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert Client().put("/api/v1/cases/fuse-writeback/", text, "text/markdown", headers=sent).status_code == 412


def test_what_somebody_is_identified_for_is_neither_compressed_nor_read_by_other_sites() -> None:
    builders.case()
    secret, person = builders.token(scopes=[Scope.READ]), Client()
    person.force_login(builders.person())
    for client, headers in ((Client(), {"Authorization": f"Bearer {secret}"}), (person, {})):
        answer = client.get("/api/v1/cases/", headers={**headers, **PACKED, "Origin": "https://other.example"})
        assert answer.status_code == 200 and "Content-Encoding" not in answer
        assert "Access-Control-Allow-Origin" not in answer


def test_pages_of_other_sites_read_what_everybody_may_and_no_more() -> None:
    builders.case()
    answer = Client().get("/api/v1/cases/", headers={"Origin": "https://other.example"})
    assert answer["Access-Control-Allow-Origin"] == "*" and "Link" in answer["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    for address in ("/", "/cases/fuse-writeback/", "/export/evidence.ndjson"):
        assert "Access-Control-Allow-Origin" not in Client().get(address)
    posted = Client().post("/api/v1/reports/", b"{}", "application/json", headers={"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in posted
    asks = {"Origin": "https://other.example", "Access-Control-Request-Method": "PUT"}
    before = Client().options("/api/v1/cases/fuse-writeback/", headers=asks)
    assert (
        before["Access-Control-Allow-Methods"] == "GET, HEAD"
        and "Authorization" not in before["Access-Control-Allow-Headers"]
    )
