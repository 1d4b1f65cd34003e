"""History: every revision, the difference of any two, and the way back."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from catalog.models import Document, Revision
from catalog.models.text import Origin, State
from catalog.revisions import states, store
from people.models import Role
from tests import builders

pytestmark = pytest.mark.django_db

WORDS = ("One", "Two", "Three")


@pytest.fixture(autouse=True)
def three() -> Document:
    ann = builders.person("ann", Role.EDITOR)
    for n, word in enumerate(WORDS):
        text = builders.case_text(body=f"Same.\n\n{word} <b>.")
        made = store.save(text, origin=Origin.SITE, author=ann, base=n or None, note=f"Says {word.lower()}")
    return made.document


def page(path: str, by: Client | None = None) -> str:
    answer = (by or Client()).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(path: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", page(path))).split())


def editor() -> Client:
    made = Client()
    made.force_login(builders.person(role=Role.EDITOR))
    return made


def test_the_history_has_every_revision_with_who_when_and_why() -> None:
    found = page("/cases/fuse-writeback/history/")
    assert [int(n) for n in re.findall(r'/cases/fuse-writeback/@(\d+)"', found)] == [3, 2, 1]
    for said in ("ann", "Says one", "Says two", "Says three", 'diff/?a=2&amp;b=3"', 'diff/?a=1&amp;b=2"'):
        assert said in found
    assert "go back to it" not in found and "go back to it" in page("/cases/fuse-writeback/history/", editor())


def test_the_history_tells_what_was_done_to_the_document(three: Document) -> None:
    states.move(three, "withdraw", builders.person("ben", Role.EDITOR), 3, "Too early")
    states.move(three, "publish", None, 3)
    found = shown("/cases/fuse-writeback/history/")
    assert found.index("published the case") < found.index("withdrew the case") < found.index("Says three")
    assert "Too early" in found and "ben" in found


@pytest.mark.parametrize(("a", "b"), [(1, 2), (1, 3), (3, 1)])
def test_any_two_revisions_are_compared(a: int, b: int) -> None:
    found = page(f"/cases/fuse-writeback/diff/?a={a}&b={b}")
    assert f"<del>{WORDS[a - 1]} </del>&lt;b&gt;." in found and f"<ins>{WORDS[b - 1]} </ins>&lt;b&gt;." in found
    assert "taken out" in found and "added" in found, "not by colour alone"


def test_equal_revisions_have_no_difference() -> None:
    assert "The texts are equal." in page("/cases/fuse-writeback/diff/?a=2&b=2")


@pytest.mark.parametrize("query", ["", "?a=1", "?b=1", "?a=1&b=9", "?a=x&b=1", "?a=-1&b=1", "?a=1&b=99999999999", "?a=٣&b=1"])  # fmt: skip  # noqa: E501
def test_revisions_that_are_not_there_are_not_found(query: str) -> None:
    assert Client().get(f"/cases/fuse-writeback/diff/{query}").status_code == 404


def test_going_back_is_a_new_revision_with_the_old_text() -> None:
    by = editor()
    form = by.get("/cases/fuse-writeback/edit/?from=1").content.decode()
    assert "The text of revision 1." in form and "One" in form and 'value="Back to revision 1"' in form
    text = Revision.objects.get(n=1).text
    by.post("/cases/fuse-writeback/edit/", {"act": "save", "text": text, "base": 3, "note": "Back to revision 1"})
    made = Revision.objects.get(n=4)
    assert (made.text, made.note, made.base) == (text, "Back to revision 1", 3)
    assert "One" in shown("/cases/fuse-writeback/") and Revision.objects.count() == 4
    assert by.get("/cases/fuse-writeback/edit/?from=9").status_code == 404


def test_each_revision_has_a_page_to_cite() -> None:
    for n, word in enumerate(WORDS, start=1):
        found = shown(f"/cases/fuse-writeback/@{n}")
        assert f"{word} <b>." in found and f"The text as it stood at revision {n}" in found


def test_a_strategy_has_history_and_snapshots_too() -> None:
    builders.strategy(title="Before")
    builders.strategy(title="After")
    assert "<h1>Before</h1>" in page("/strategies/a-strategy/@1")
    assert "<ins>&quot;After&quot;</ins>" in page("/strategies/a-strategy/diff/?a=1&b=2")
    assert "@2" in page("/strategies/a-strategy/history/")


def test_a_text_whose_fields_have_changed_since_is_shown_as_it_was_written() -> None:
    Revision.objects.filter(n=1).update(text="---\ncase: fuse-writeback\nold_field: <i>\n---\n\nText.\n")
    assert "old_field: &lt;i&gt;" in page("/cases/fuse-writeback/@1")


def test_a_strangers_history_leaves_out_what_was_written_in_a_draft() -> None:
    store.save(builders.case_text("late", body="Unripe."), origin=Origin.SITE, new=True, state=State.DRAFT)
    store.save(builders.case_text("late", body="Ripe."), origin=Origin.SITE, base=1)
    states.move(Document.objects.get(slug="late"), "publish", None, 2)
    store.save(builders.case_text("late", body="Later."), origin=Origin.SITE, base=2)
    assert re.findall(r"@(\d)", page("/cases/late/history/")) == ["3", "2"]
    assert "a=1" not in page("/cases/late/history/")
    assert Client().get("/cases/late/diff/?a=1&b=2").status_code == 404
    assert "in a draft" in page("/cases/late/history/", editor())
    assert "Unripe" in page("/cases/late/diff/?a=1&b=2", editor())


def test_a_long_history_has_pages_and_a_constant_number_of_queries(django_assert_max_num_queries: Any) -> None:
    for n in range(3, 60):
        store.save(builders.case_text(body=f"Text {n}."), origin=Origin.SITE, base=n)
    with django_assert_max_num_queries(3):
        first = page("/cases/fuse-writeback/history/")
    numbers = [int(n) for n in re.findall(r'fuse-writeback/@(\d+)"', first)]
    assert numbers == list(range(60, 10, -1)) and "?before=11" in first and "a=10&amp;b=11" in first
    rest = page("/cases/fuse-writeback/history/?before=11")
    assert [int(n) for n in re.findall(r'fuse-writeback/@(\d+)"', rest)] == list(range(10, 0, -1))
    assert Client().get("/cases/fuse-writeback/history/?before=1").status_code == 404
