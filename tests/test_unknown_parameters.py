"""A parameter that a page does not take: a 400 that names the known ones, never everything as if nothing was asked."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import builders

pytestmark = pytest.mark.django_db
KNOWN = {
    "/affected/": "kernel, case",
    "/affected.txt": "kernel",
    "/agenda/": "it takes none",
    "/cases/proposed/": "page",
    "/compare/": "a, b",
    "/kernels/": "mover, format",
    "/kernels/6.18.44/": "label",
    "/reports/": "state",
    "/search/": "q, kind, page",
}


@pytest.mark.parametrize(("path", "known"), KNOWN.items())
def test_a_misspelt_parameter_is_refused_and_the_known_are_named(path: str, known: str) -> None:
    builders.case()
    builders.settled()
    assert Client().get(path).status_code == (400 if path == "/affected.txt" else 200)
    answer = Client().get(f"{path}?held_by=guest&kernel=6.18.44" if "affected" in path else f"{path}?held_by=guest")
    assert answer.status_code == 400
    said = answer.content.decode().replace("&#x27;", "'")
    assert "'held_by' is no parameter of this address" in said and known in said


def test_curl_is_told_in_plain_text() -> None:
    answer = Client().get("/affected/?krenel=6.1", headers={"Accept": "*/*"})
    assert answer.status_code == 400 and answer["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == "'krenel' is no parameter of this address: expected one of kernel.\n"


def test_the_list_shows_all_cases_and_says_what_it_did_not_take() -> None:
    """It is where readers land from links of others: those lead somewhere all the same."""
    builders.case()
    answer = Client().get("/?held_by=guest")
    assert answer.status_code == 200 and "held_by" in answer.content.decode()
