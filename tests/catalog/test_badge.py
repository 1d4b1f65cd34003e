"""A badge says what the site says of one case and one kernel, and nothing of what is not public."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.test import Client

from catalog.models import Document
from tests import builders
from tests.catalog.test_measured import tally

pytestmark = pytest.mark.django_db
SVG = "{http://www.w3.org/2000/svg}"


def words(query: str = "") -> list[str | None]:
    answer = Client().get(f"/cases/fuse-writeback/badge.svg{query}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert answer["Cache-Control"] == "public, max-age=300"
    return [text.text for text in ElementTree.fromstring(answer.content).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("outcome", "said"), [("hangs", "affected"), ("moves", "not affected"), ("inconclusive", "unknown")]
)
def test_it_says_whether_a_kernel_is_affected(outcome: str, said: str) -> None:
    tally(builders.case(), "6.12.95+deb12-amd64", outcome)
    for kernel in ("6.12.95%2Bdeb12-amd64", "6.12.95+deb12-amd64"):
        assert words(f"?kernel={kernel}") == ["fuse-writeback", f"6.12.95+deb12-amd64: {said}"]
    told = Client().get("/cases/fuse-writeback/badge.json?kernel=6.12.95%2Bdeb12-amd64").json()
    assert told["schemaVersion"] == 1 and told["label"] == "fuse-writeback"
    assert told["message"] == f"6.12.95+deb12-amd64: {said}" and told["color"].startswith("#")


def test_without_a_kernel_it_says_how_the_case_stands() -> None:
    builders.case()
    assert words() == ["fuse-writeback", "open"]


@pytest.mark.parametrize("query", ["?kernel=", "?kernel=%3Csvg", "?kernal=6.1", "?kernel=6.1&kernel=6.2"])
def test_what_names_no_kernel_is_a_400(query: str) -> None:
    builders.case()
    for kind in ("svg", "json"):
        assert Client().get(f"/cases/fuse-writeback/badge.{kind}{query}").status_code == 400


def test_a_draft_has_no_badge_for_editors_either_since_the_picture_is_kept_on_the_way() -> None:
    builders.case()
    Document.objects.update(state="draft")
    client = Client()
    client.force_login(builders.person(role="editor"))
    assert client.get("/cases/fuse-writeback/badge.svg").status_code == 404
