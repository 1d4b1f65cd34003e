"""Saving: numbered without gaps, refused where it would overwrite, written down in the journal."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from catalog.documents.parser import Malformed
from catalog.models import Alias, Case, Document, Revision, Strategy
from catalog.models.text import Origin
from catalog.revisions import store
from catalog.revisions.store import Conflict
from people.models import Event
from tests import builders
from tests.at_once import at_once

pytestmark = pytest.mark.django_db


def save(title: str = "A title", **given: object) -> Revision:
    return store.save(builders.case_text(title=title), origin=Origin.SITE, **given)  # type: ignore[arg-type]


def test_each_text_is_the_next_revision_and_the_last_is_current() -> None:
    author = builders.person()
    assert [save("One").n, save("Two", author=author, base=1).n] == [1, 2]
    document = Document.objects.get()
    assert document.current is not None
    assert (document.current.n, document.current.author, document.current.base) == (2, author, 1)
    assert Case.objects.get().title == "Two"


def test_the_same_text_again_is_no_revision_and_no_news() -> None:
    first = save()
    assert save() == first
    assert Revision.objects.count() == Event.objects.count() == 1


def test_going_back_to_an_old_text_is_a_revision() -> None:
    assert [save(title).n for title in ("One", "Two", "One")] == [1, 2, 3]


def test_an_edit_that_started_from_an_older_text_is_a_conflict() -> None:
    save("One")
    save("Two", base=1)
    with pytest.raises(Conflict) as caught:
        save("Mine", base=1)
    assert caught.value.current.n == 2
    assert str(caught.value) == "case fuse-writeback is at revision 2 by now"
    assert save("Mine", base=2).n == 3


def test_a_new_document_must_not_exist_yet() -> None:
    save(new=True)
    with pytest.raises(Malformed, match="fuse-writeback exists already"):
        save("Another", new=True)
    with pytest.raises(Malformed, match="exists already"):
        save(new=True)
    assert Revision.objects.count() == 1


def test_a_case_and_a_strategy_may_share_a_slug() -> None:
    builders.case("same")
    builders.strategy("same")
    assert Document.objects.count() == 2


@pytest.mark.parametrize("names", [{"slug": "other", "aliases": ["fuse-wb"]}, {"slug": "fuse-wb"}])
def test_a_name_of_another_case_is_refused_and_leaves_nothing_behind(names: dict[str, object]) -> None:
    builders.case(aliases=["fuse-wb"])
    with pytest.raises(Malformed, match="belongs to another case"):
        builders.case(**names)  # type: ignore[arg-type]
    assert Document.objects.count() == Revision.objects.count() == Case.objects.count() == Event.objects.count() == 1
    assert set(Alias.objects.values_list("slug", flat=True)) == {"fuse-writeback", "fuse-wb"}


def test_a_malformed_text_leaves_nothing_behind() -> None:
    save()
    with pytest.raises(Malformed):
        store.save(builders.case_text(kind="bug"), origin=Origin.SITE)
    assert Revision.objects.count() == 1


def test_the_journal_tells_of_every_revision() -> None:
    author = builders.person()
    save("One")
    save("Two", author=author)
    store.save(builders.strategy_text(), origin=Origin.SITE, author=author, new=True)
    told = [(e.verb, e.subject_kind, e.subject, e.actor, e.data) for e in Event.objects.order_by("id")]
    assert told == [
        ("case.revised", "case", "fuse-writeback", None, {"n": 1, "origin": "site"}),
        ("case.revised", "case", "fuse-writeback", author, {"n": 2, "origin": "site"}),
        ("strategy.proposed", "strategy", "a-strategy", author, {"n": 1, "origin": "site"}),
    ]
    assert Strategy.objects.get().slug == "a-strategy"


@pytest.mark.django_db(transaction=True)
def test_two_who_save_at_once_get_numbers_without_a_gap() -> None:
    start = threading.Barrier(2)

    def work(who: str) -> None:
        start.wait(10)
        for n in range(10):
            save(f"{who} {n}")

    at_once(partial(work, "one"), partial(work, "two"))
    assert list(Revision.objects.order_by("n").values_list("n", flat=True)) == list(range(1, 21))
    document = Document.objects.select_related("current").get()
    assert document.current is not None and document.current.n == 20
    assert Case.objects.get().title in document.current.text
