"""Short names beside titles: optional, bounded, of every case of ours, and wherever a case is told of."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from catalog.documents.parser import Malformed, parse
from catalog.documents.schema import SHORT_CHARACTERS, CaseText
from catalog.models import Case
from people.models import Role
from tests import builders

FILES = sorted(Path("data/cases").glob("*.md"))


def test_every_case_of_ours_has_a_short_name_of_its_own() -> None:
    texts = [parse(path.read_text()) for path in FILES]
    names = [text.short for text in texts if isinstance(text, CaseText)]
    assert len(names) == len(FILES) > 50
    assert all(names) and len(set(names)) == len(names)


@pytest.mark.parametrize(("length", "fits"), [(1, True), (SHORT_CHARACTERS, True), (SHORT_CHARACTERS + 1, False)])
def test_a_short_name_is_short(length: int, fits: bool) -> None:
    text = builders.case_text(short="x" * length)
    if fits:
        assert parse(text)
    else:
        with pytest.raises(Malformed, match="short"):
            parse(text)


@pytest.mark.django_db
def test_it_is_in_the_list_the_api_and_the_export_and_its_absence_is_the_title() -> None:
    builders.case("plain")
    builders.case("named", short="A short name")
    listed = {one["case"]: one for one in Client().get("/api/v1/cases/").json()["results"]}
    assert listed["named"]["short"] == "A short name" and "short" not in listed["plain"]
    assert Client().get("/api/v1/cases/named/").json()["document"]["short"] == "A short name"
    assert Client().get("/cases/named/?format=json").json()["document"]["short"] == "A short name"
    assert Case.objects.get(slug="named").name == "A short name"
    assert Case.objects.get(slug="plain").name == "The case plain"


@pytest.mark.django_db
def test_who_proposes_a_case_may_give_one_and_it_is_found_by_it() -> None:
    client = Client()
    client.force_login(builders.person(role=Role.EDITOR))
    form = {
        "title": "A ring that keeps its pages",
        "short": "Ring of zebras",
        "holds": "A reference of the ring keeps every page of it.",
        "mechanism": "extra_reference",
        "controllers": ["kernel"],
        "link": "https://docs.kernel.org/mm/",
        "bound": "unknown",
    }
    answer = client.post("/cases/new/", {**form, "short": "x" * (SHORT_CHARACTERS + 1)})
    assert answer.status_code in (200, 422) and not Case.objects.exists()
    assert client.post("/cases/new/", form)["Location"] == "/cases/a-ring-that-keeps-its-pages/"
    assert Case.objects.get().short == "Ring of zebras"
