"""ETags: what was read is not sent twice, and what changed meanwhile is not written over."""

from __future__ import annotations

import pytest
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
