"""An objection made of a comment brings along what it says, and not all that it quotes."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client

from discussion.comments import excerpt, threads
from people.models import Role
from tests import builders

LONG = "> Is it bounded?\n\nIt is not, *and* `fuse` waits.\n\nWe saw it twice:\n\n- on a Monday\n- in May\n"


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("It copies.", "It copies."),
        ("It copies\neach page.\n\nAnd more.", "It copies\neach page."),
        ("It copies\r\neach page.\r\rAnd more.", "It copies\neach page."),
        (LONG, "It is not, *and* `fuse` waits."),
        ("ann wrote:\n\n> Is it?\n> Or?\n\nIt is.", "It is."),
        ("ann wrote:\n> Is it?\n\nIt is.", "It is."),
        ("Ann Lee (ann) wrote:\n\n> Is it?\n\nIt is.", "It is."),
        ("Two things:\n\n1. it copies\n2. it waits\n\nSo no.", "Two things:\n\n1. it copies\n2. it waits"),
        ("Two things:", "Two things:"),
        ("# No\n\n```\nstack\n```\nIt sleeps.", "It sleeps."),
        ("- it copies\n- it waits", "- it copies\n- it waits"),
        ("> Is it?\nIt is.", "It is."),
        ("> Is it?\n> It is.", "> Is it?\n> It is."),
        ("\r\n", "\r\n"),
        ("> " * 5_000, "> " * 5_000),
    ],
)
def test_the_beginning_is_the_first_paragraph_of_ones_own(text: str, beginning: str) -> None:
    assert excerpt.beginning(text) == beginning


@pytest.mark.parametrize(
    ("selected", "taken"),
    [
        ("and fuse waits.\n\nWe saw it\ntwice:", "and fuse waits.\n\nWe saw it\ntwice:"),
        ("  on a Monday\nin May ", "on a Monday\nin May"),
        ("Is it bounded?", "Is it bounded?"),
        ("", "It is not, *and* `fuse` waits."),
        ("It is bounded, and I was wrong.", "It is not, *and* `fuse` waits."),
    ],
)
def test_what_was_selected_is_taken_where_the_comment_says_it(selected: str, taken: str) -> None:
    """A link cannot put words into somebody's mouth."""
    assert excerpt.taken(LONG, selected) == taken


@pytest.mark.django_db
@pytest.mark.parametrize(("query", "first"), [("", "It is not, *and* `fuse` waits."), ("&words=in+May", "in May")])
def test_the_form_has_the_part_and_beside_it_all_of_the_comment(query: str, first: str) -> None:
    strategy, ann = builders.strategy(), builders.person("ann")
    comment = threads.say(strategy.document, ann, LONG + "\n<script>")
    page = _form(f"?comment={comment.pk}{query}")
    assert _text(page) == first
    assert f'href="/c/{comment.pk}/"' in page and "what ann said" in page
    assert "<summary>All of it </summary>" in " ".join(page.split()) and "- on a Monday" in page
    assert "<script>" not in page.partition("<main")[2]


@pytest.mark.django_db
def test_of_a_short_comment_the_form_has_all_and_says_nothing_of_parts() -> None:
    comment = threads.say(builders.strategy().document, builders.person("ann"), "It copies.")
    page = _form(f"?comment={comment.pk}")
    assert _text(page) == "It copies." and "All of it" not in page and "A part of it" not in page


@pytest.mark.django_db
def test_words_without_their_comment_are_taken_from_nowhere() -> None:
    builders.strategy()
    assert _text(_form("?words=It+copies.")) == ""


def _form(query: str) -> str:
    client = Client()
    client.force_login(builders.person("ed", role=Role.EDITOR))
    return client.get(f"/strategies/a-strategy/object/{query}").content.decode()


def _text(page: str) -> str:
    found = re.search(r"(?s)<textarea[^>]*>\n(.*?)</textarea>", page)
    assert found
    return html.unescape(found[1])


@pytest.mark.django_db
def test_whose_an_objection_is_can_be_seen() -> None:
    builders.case()
    builders.strategy()
    client = Client()
    client.force_login(builders.person())
    given = {"text": "It costs.", "whose": "Jane\u200b Doe"}
    assert client.post("/strategies/a-strategy/object/", given).status_code == 422
    assert client.post("/strategies/a-strategy/object/", {**given, "whose": "Jane Doe"}).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["KVM: guest_memfd moves no folio", "__folio_lock", "_", "…", "Waits\x0bfor ever"])
def test_an_objection_of_any_words_is_recorded_or_refused_in_words(text: str) -> None:
    """A symbol of the kernel in its first words made a name that no objection may have, and a 500."""
    builders.strategy()
    client = Client()
    client.force_login(builders.person("eve"))
    answer = client.post("/strategies/a-strategy/object/", {"text": text, "whose": "", "source": ""})
    assert answer.status_code in (302, 422)
