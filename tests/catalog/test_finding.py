"""Search and facets: what they find, count, narrow and let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.test import Client

from catalog.models import Document
from catalog.pages.listing import facets
from tests import builders

pytestmark = pytest.mark.django_db

EFFECT = {"manner": "degraded", "standing": "reasoned"}


@pytest.fixture(autouse=True, scope="module")
def cases(once: Callable[..., None]) -> None:
    once(_cases)


def _cases() -> None:
    builders.case(
        body="It waits in `folio_wait_writeback()` for 100% of the time.",
        effects=[{"effect": "hotunplug", **EFFECT, "manner": "sleeps_in_d"}, {"effect": "compaction", **EFFECT}],
        subsystems=["FUSE", "mm"],
    )
    builders.case(
        "a-lock",
        mechanism="page_lock",
        beside=["writeback"],
        controllers=["kernel", "device"],
        subsystems=["mm"],
        areas=["migrate_cma"],
    )
    builders.case("a-fix", status="fixed", effects=[{"effect": "compaction", **EFFECT}], subsystems=["FUSE"])
    builders.settled()
    builders.settled(kernel={"release": "6.12.9", "architecture": "x86_64", "label": "fix v3"})


def find(query: str) -> facets.Found:
    return facets.find(QueryDict(query), AnonymousUser())


def slugs(query: str) -> list[str]:
    return [case.slug for case in find(query).cases]


def facet(query: str, name: str) -> dict[str, int]:
    (found,) = [facet for facet in find(query).facets if facet.name == name]
    return {choice.slug: choice.count for choice in found.choices}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["a-fix", "a-lock", "fuse-writeback"]),
        ("q=folio_wait_writeback", ["fuse-writeback"]),
        ("q=FOLIO_WAIT", ["fuse-writeback"]),
        ("q=waits+folio", ["fuse-writeback"]),
        ("q=waits+nothing", []),
        ("q=100%25", ["fuse-writeback"]),
        ("q=%25", []),
        ("q=folioXwait", []),
        ("q=a-lock", ["a-lock"]),
        ("q=%00", ["a-fix", "a-lock", "fuse-writeback"]),
        ("q=" + "a+" * 5_000, ["a-fix", "a-lock"]),
        ("manner=sleeps_in_d", ["fuse-writeback"]),
        ("manner=sleeps_in_d&effect=hotunplug", ["fuse-writeback"]),
        ("manner=sleeps_in_d&effect=compaction", []),
        ("area=migrate_cma", ["a-lock"]),
        ("kernel=6.18", ["fuse-writeback"]),
        ("kernel=6.18&status=fixed", []),
        ("status=fixed", ["a-fix"]),
        ("effect=compaction", ["a-fix", "fuse-writeback"]),
        ("effect=compaction&status=open", ["fuse-writeback"]),
        ("mechanism=writeback", ["a-fix", "a-lock", "fuse-writeback"]),
        ("mechanism=page_lock", ["a-lock"]),
        ("controller=device", ["a-lock"]),
        ("subsystem=mm", ["a-lock", "fuse-writeback"]),
        ("subsystem=mm&q=folio", ["fuse-writeback"]),
        ("kind=contrast", []),
    ],
)
def test_words_and_choices_narrow_the_list(query: str, found: list[str]) -> None:
    assert slugs(query) == found


@pytest.mark.parametrize(
    "query",
    [
        "kernel=6.12",
        "kernel=%00",
        "area=nonsense",
        "status=nonsense",
        "subsystem=nonsense",
        "subsystem=%00",
        "effect=%00",
        "page=2",
        "q=+",
    ],
)
def test_what_is_not_known_is_ignored_and_named(query: str) -> None:
    found = find(query)
    assert len(found.cases) == 3 and not found.narrowed
    assert found.ignored == (() if query.startswith("q=") else (query.partition("=")[0],))
    page = Client().get("/?" + query)
    assert page.status_code == 200
    assert ("Ignored, since there is no such filter" in page.content.decode()) == bool(found.ignored)


def test_data_is_not_given_out_under_a_filter_that_there_is_not() -> None:
    for path in ("/?format=json&held_by=guest", "/?format=csv&status=nonsense"):
        assert Client().get(path).status_code == 400
    assert Client().get("/?format=json&status=open").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/cases/", "/api/v1/strategies/", "/api/v1/kernels/"])
def test_a_list_of_the_api_refuses_a_parameter_that_it_does_not_have(path: str) -> None:
    answer = Client().get(path + "?status=open")
    assert answer.status_code == 400 and "status" in answer.json()["detail"]
    assert Client().get(path + "?limit=1").status_code == 200


def test_counts_say_how_many_cases_a_choice_leads_to() -> None:
    assert facet("", "status") == {"open": 2, "fixed": 1}
    assert facet("", "effect") == {"compaction": 2, "hotunplug": 1}
    assert facet("", "mechanism") == {"writeback": 3, "page_lock": 1}
    assert facet("", "controller") == {"unprivileged_user": 2, "kernel": 1, "device": 1}
    assert facet("", "subsystem") == {"fuse": 2, "mm": 2}
    assert facet("", "manner") == {"sleeps_in_d": 1, "degraded": 2}
    assert facet("", "area") == {"migrate_cma": 1}
    assert facet("", "kernel") == {"6.18": 1}, "a candidate fix is no kernel that people run"


def test_effect_and_manner_speak_of_one_effect() -> None:
    assert facet("effect=hotunplug", "manner") == {"sleeps_in_d": 1}
    assert facet("manner=degraded", "effect") == {"compaction": 2}


def test_a_drafts_subsystem_is_no_choice_and_no_known_value() -> None:
    builders.case("hidden", subsystems=["canary"])
    assert find("subsystem=canary").narrowed
    Document.objects.filter(slug="hidden").update(state="draft")
    assert not find("subsystem=canary").narrowed and "canary" not in facet("", "subsystem")


def test_the_number_of_queries_does_not_grow_with_the_cases(django_assert_num_queries: Any) -> None:
    for number in range(20):
        builders.case(f"case-{number}", subsystems=[f"subsystem {number}"])
    with django_assert_num_queries(4):  # cases, their effects, their subsystems, what was measured
        assert len(find("status=open&subsystem=mm&effect=hotunplug").cases) == 1
    with django_assert_num_queries(7):  # and: are the words known, who has them, of which document
        assert find("q=waits").cases


@pytest.mark.parametrize("name", facets.FACETS)
def test_every_count_is_what_its_choice_finds(name: str) -> None:
    for around in ("", "q=a", "status=open", "effect=compaction", "manner=sleeps_in_d", "subsystem=fuse"):
        for found in find(around).facets:
            for choice in found.choices:
                if not choice.chosen and found.name == name:
                    assert len(slugs(choice.query.lstrip("?"))) == choice.count


def test_a_facets_own_choice_leaves_its_other_choices_in_sight() -> None:
    assert facet("status=fixed", "status") == {"open": 2, "fixed": 1}
    assert facet("status=fixed", "effect") == {"compaction": 1}
    assert facet("q=folio", "status") == {"open": 1}


def test_a_choice_that_leads_nowhere_stays_so_that_it_can_be_let_go() -> None:
    assert facet("kind=contrast", "kind") == {"case": 3, "contrast": 0}


def test_choosing_again_lets_go_and_keeps_the_rest() -> None:
    (status,) = [facet for facet in find("status=fixed&q=a").facets if facet.name == "status"]
    queries = {choice.slug: (choice.chosen, choice.query) for choice in status.choices}
    assert queries == {"open": (False, "?status=open&q=a"), "fixed": (True, "?q=a")}
    (alone,) = [facet for facet in find("status=fixed").facets if facet.name == "status"]
    assert [choice.query for choice in alone.choices if choice.chosen] == ["?"]
    assert alone.chosen


def test_the_chosen_one_is_marked_on_the_page() -> None:
    text = Client().get("/?status=fixed").content.decode()
    assert 'aria-current="true">fixed<b>1</b>' in text and "Show all" in text
