"""Columns follow the text, and nothing of an older text stays behind."""

from __future__ import annotations

import pytest

from catalog.documents.signatures import signatures
from catalog.models import Alias, Case, Link, Serving, Subsystem
from tests import builders

pytestmark = pytest.mark.django_db

EFFECT = {"effect": "compaction", "manner": "degraded", "standing": "measured"}
LINK = {"kind": "article", "ref": "https://lwn.net/1", "title": "An article"}
CLAIM = {"id": "one", "text": "It is so.", "standing": "asserted", "source": LINK}


def test_the_columns_of_a_case_say_what_its_text_says() -> None:
    case = builders.case(
        beside=["page_lock"],
        areas=["migrate_cma"],
        parent="a-parent",
        probe="fuse-writeback",
        signature={"names": ["fuse_test"]},
        effects=[EFFECT],
        claims=[CLAIM],
        links=[LINK],
        subsystems=["FUSE", "mm/migrate"],
    )
    assert (case.mechanisms, case.areas, case.controllers) == (
        ["writeback", "page_lock"],
        ["migrate_cma"],
        ["unprivileged_user"],
    )
    assert (case.parent_slug, case.probe, case.test_names) == ("a-parent", "fuse-writeback", ["fuse_test"])
    assert case.effects.get().effect_word.label == "Compaction"
    assert case.claims.get().key == "one"
    assert Link.objects.get().ref == "https://lwn.net/1"
    assert set(case.subsystems.values_list("slug", "name")) == {("fuse", "FUSE"), ("mm-migrate", "mm/migrate")}


def test_a_shorter_text_takes_its_columns_along() -> None:
    builders.case(effects=[EFFECT], claims=[CLAIM], links=[LINK], subsystems=["FUSE", "mm"], aliases=["fuse-wb"])
    case = builders.case()
    assert not case.effects.exists() and not case.claims.exists() and not Link.objects.exists()
    assert [s.name for s in case.subsystems.all()] == ["FUSE"]
    assert [a.slug for a in case.aliases.all()] == ["fuse-writeback"]


def test_the_long_name_of_a_subsystem_fits() -> None:
    builders.case(subsystems=["a long name " * 20])
    assert len(Subsystem.objects.get().slug) == 80


def test_a_case_answers_to_its_slug_and_its_aliases() -> None:
    case = builders.case(aliases=["fuse-wb"])
    for name in ("fuse-writeback", "fuse-wb"):
        assert Case.objects.all().named(name) == case
    assert Case.objects.all().named("fuse") is None


def test_an_alias_that_was_let_go_is_free_for_another_case() -> None:
    builders.case(aliases=["fuse-wb"])
    builders.case()
    other = builders.case("other", aliases=["fuse-wb"])
    assert Alias.objects.get(slug="fuse-wb").case == other


def test_a_strategy_waits_for_a_case_that_is_not_there_yet() -> None:
    strategy = builders.strategy(cases=("fuse-wb", "other"))
    assert [serving.case for serving in strategy.servings.all()] == [None, None]
    case = builders.case(aliases=["fuse-wb"])
    linked = dict(Serving.objects.values_list("case_slug", "case"))
    assert linked == {"fuse-wb": case.pk, "other": None}


def test_a_strategy_that_comes_later_finds_its_case_by_an_alias() -> None:
    case = builders.case(aliases=["fuse-wb"])
    assert builders.strategy(cases=("fuse-wb",)).servings.get().case == case


def test_an_alias_that_was_let_go_leads_no_strategy_to_the_case() -> None:
    builders.case(aliases=["fuse-wb"])
    strategy = builders.strategy(cases=("fuse-wb",))
    builders.case()
    assert strategy.servings.get().case is None


def test_signatures_hold_every_name_in_one_query(django_assert_num_queries: pytest.FixtureRequest) -> None:
    builders.case(aliases=["fuse-wb"], signature={"names": ["fuse_test"]})
    builders.case("other")
    with django_assert_num_queries(1):  # type: ignore[operator]
        found = {signature.case: signature.names for signature in signatures()}
    assert found == {"fuse-writeback": {"fuse-writeback", "fuse-wb", "fuse_test"}, "other": {"other"}}
