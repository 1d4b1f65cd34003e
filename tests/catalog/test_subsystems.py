"""Subsystems: the index, a page each, and where a case leads to them. And where typed links lead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from catalog.documents.schema import Change, Link
from catalog.models import Document
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def catalog() -> None:
    builders.case(subsystems=["FUSE", "mm/migrate"])
    builders.case("a-fix", status="fixed", subsystems=["FUSE"])
    builders.case("another", subsystems=["XFS"])
    builders.strategy(driver="Joanne Koong")
    builders.strategy("elsewhere", ("another",))
    builders.settled()


def page(path: str) -> str:
    """Without the indentation of its templates."""
    answer = Client().get(path)
    assert answer.status_code == 200
    return re.sub(r">\s+<", "><", answer.content.decode())


def test_the_index_counts_open_cases_and_all() -> None:
    text = page("/subsystems/")
    assert '<a href="/subsystems/fuse/">FUSE</a><span class="small muted">1 open of 2</span>' in text
    assert text.index("/subsystems/fuse/") < text.index("/subsystems/xfs/")


def test_a_page_has_its_cases_what_was_measured_ways_out_and_who_drives_them() -> None:
    text = page("/subsystems/fuse/")
    assert "/cases/fuse-writeback/" in text and "/cases/a-fix/" in text and "/cases/another/" not in text
    assert "The strategy a-strategy" in text and "elsewhere" not in text
    assert "Driven by Joanne Koong" in text
    assert '<a href="/?kernel=6.18&amp;subsystem=fuse">6.18</a></th><td class="num">1</td>' in text
    assert "Nobody has sent a measurement" in page("/subsystems/xfs/")


def test_a_case_leads_to_its_subsystems() -> None:
    assert 'href="/subsystems/mm-migrate/"' in page("/cases/fuse-writeback/")
    assert 'href="/subsystems/mm-migrate/' not in page("/cases/fuse-writeback/@1"), "an old text may name what is gone"


@pytest.mark.parametrize("path", ["/subsystems/nothing/", "/subsystems/xfs/"])
def test_a_subsystem_that_only_a_draft_names_is_404(path: str) -> None:
    Document.objects.filter(slug="another").update(state="draft")
    assert Client().get(path).status_code == 404
    assert "xfs" not in page("/subsystems/").lower()


def test_the_number_of_queries_is_always_the_same(django_assert_num_queries: Any) -> None:
    for number in range(10):
        builders.case(f"case-{number}", subsystems=["FUSE", f"s{number}"])
        builders.strategy(f"strategy-{number}", (f"case-{number}",))
    with django_assert_num_queries(3):  # cases, effects, subsystems
        page("/subsystems/")
    with django_assert_num_queries(7):  # the same, tallies, strategies, their servings, cases of these
        page("/subsystems/fuse/")


def test_a_message_leads_to_the_archive_that_is_set(settings: Any) -> None:
    link = Link(kind="message", ref="a+b?c#d%e@x.org", title="Mail")
    assert link.url == "https://lore.kernel.org/all/a%2Bb%3Fc%23d%25e@x.org/"
    settings.ARCHIVE = "https://mail.example/list/"
    assert link.url == "https://mail.example/list/a%2Bb%3Fc%23d%25e@x.org/"


def test_a_commit_leads_to_the_tree_that_it_is_in() -> None:
    assert Link(kind="commit", ref="0c58a97f919c", title="C").url == "https://git.kernel.org/linus/0c58a97f919c"
    fixed = {"change": "fixed", "known_by": "source", "commit": "0c58a97f919c"}
    assert Change(tree="mainline", **fixed).url == "https://git.kernel.org/linus/0c58a97f919c"
    assert Change(tree="6.12", **fixed).url == "https://git.kernel.org/stable/c/0c58a97f919c"
    assert Change(tree="6.12", change="present", known_by="source").url == ""


def test_a_typed_link_also_leads_to_where_else_it_stands_here() -> None:
    link = {"kind": "commit", "ref": "0c58a97f919c", "title": "A commit"}
    builders.case(links=[link])
    builders.strategy(links=[link])
    assert 'href="/search/?q=0c58a97f919c"' in page("/cases/fuse-writeback/")
    found = page("/search/?q=0c58a97f919c")
    assert "/cases/fuse-writeback/" in found and "/strategies/a-strategy/" in found
