"""ETags: what was read is not sent twice, and what changed meanwhile is not written over."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.test import Client, RequestFactory
from rest_framework.request import Request

from rest import etags
from tests import builders

pytestmark = pytest.mark.django_db


def test_a_list_that_has_not_changed_is_not_sent_again() -> None:
    builders.case()
    first = Client().get("/api/v1/cases/")
    again = Client().get("/api/v1/cases/", headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    builders.case("another")
    changed = Client().get("/api/v1/cases/", headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200 and changed["ETag"] != first["ETag"]


def write(if_match: str | None) -> Request:
    headers = {} if if_match is None else {"If-Match": if_match}
    return Request(RequestFactory().put("/", headers=headers))


@pytest.mark.parametrize("given", ["{tag}", "*", '"other", {tag}'])
def test_a_write_on_what_was_read_goes_through(given: str) -> None:
    tag = etags.tag("case", 3)
    etags.demand_match(write(given.format(tag=tag)), tag)


@pytest.mark.parametrize(
    ("given", "status"), [(None, 428), ("", 428), ('"other"', 412), ("W/{tag}", 412), ("nonsense", 412)]
)
def test_a_write_on_anything_else_is_refused(given: str | None, status: int) -> None:
    tag = etags.tag("case", 3)
    with pytest.raises(etags.Unmatched) as refused:
        etags.demand_match(write(given and given.format(tag=tag)), tag)
    assert refused.value.document()["status"] == status


def test_a_tag_differs_wherever_a_part_does() -> None:
    assert len({etags.tag("a", 1), etags.tag("a", 2), etags.tag("a1"), etags.tag("a", "1")}) == 4
    assert etags.tag("a", 1) == etags.tag("a", 1)


def asked(method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Past the test client, which takes the body off a HEAD by itself."""
    environ = RequestFactory(headers=headers).generic(method, path).environ
    answer = WSGIHandler().get_response(WSGIRequest(environ))
    body = b"".join(answer)
    answer.close()
    return answer.status_code, dict(answer.items()), body


@pytest.mark.django_db(transaction=True)  # an answer that is closed closes its connection
@pytest.mark.parametrize(
    "path", ["/api/v1/cases/", "/api/v1/events/", "/feed.atom", "/cases/fuse-writeback/", "/export/evidence.ndjson"]
)
def test_a_head_has_what_the_get_has_but_for_the_body(path: str) -> None:
    builders.case()
    builders.settled()
    (got, has, body), (said, fields, nothing) = asked("GET", path), asked("HEAD", path)
    assert (got, said, nothing) == (200, 200, b"") and body
    varies = {"date", "set-cookie", "x-request-id", "content-security-policy"}
    assert {k: v for k, v in fields.items() if k.lower() not in varies} == {
        k: v for k, v in has.items() if k.lower() not in varies
    }
    if path.startswith(("/api/", "/feed")):
        assert fields["ETag"]
        assert asked("HEAD", path, **{"If-None-Match": fields["ETag"]})[0] == 304
