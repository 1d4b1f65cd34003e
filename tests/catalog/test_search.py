"""What search understands, shows and keeps back. Of the real catalog: see test_whole_catalog.py."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from catalog.models import Document, Entry
from catalog.search import engine, highlights, index, tokens
from people.models import Role
from tests import builders, cpu
from tests.pages import on_one_line

NOBODY = AnonymousUser()


def addresses(query: str, user: object = NOBODY) -> list[str]:
    found = engine.search(user, query).rows
    entries = Entry.objects.in_bulk([pk for pk, _ in found])
    return [entries[pk].address for pk, _ in found]


@pytest.fixture
def three(db: None) -> None:
    builders.case(
        body="The folio waits in `folio_wait_writeback()` for 100% of the time. [A **link**](https://x.example).",
        links=[{"kind": "commit", "ref": "0c58a97f919c", "title": "A commit"}],
    )
    builders.case("a-lock", title="Migrating a locked folio", body="Nothing <b>else</b> waits.", mechanism="page_lock")
    builders.strategy("end-it", ("a-lock",), title="End the server")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("FOLIO_WAIT_WRITEBACK", {"/cases/fuse-writeback/"}),
        ("folio_wait", {"/cases/fuse-writeback/"}),
        ("wait_writeback", {"/cases/fuse-writeback/"}),
        ("migrate", {"/cases/a-lock/"}),
        ("waiting", {"/cases/fuse-writeback/", "/cases/a-lock/", "/strategies/end-it/"}),
        ("waiting folio", {"/cases/fuse-writeback/", "/cases/a-lock/"}),
        ("waiting writeback", {"/cases/fuse-writeback/"}),
        ("0c58a97f919c24fe4245015f4375a39ff05665b6", {"/cases/fuse-writeback/"}),
        ("0c58a97f919d", set()),
        ("100%", {"/cases/fuse-writeback/"}),
        ("servre", {"/strategies/end-it/"}),
        ("", set()),
        ("% _ . ' \\ :*", set()),
        ("zzzzzz", set()),
        ("a:* & !b | (", {"/cases/a-lock/"}),
        ("x" * 500, set()),
        ("\u202e\ud800", set()),
    ],
)
def test_what_is_found(query: str, found: set[str]) -> None:
    assert set(addresses(query)) == found


@pytest.mark.usefixtures("three")
def test_it_says_how_a_word_was_understood() -> None:
    def understood(query: str) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(term.word, term.how, term.forms) for term in engine.search(NOBODY, query).terms]

    assert understood("folio") == [("folio", "", ("folio",))]
    assert understood("wait_writeback") == [("wait_writeback", "inside", ("folio_wait_writeback",))]
    assert understood("wirteback") == [("wirteback", "like", ("writeback",))]
    assert understood("zzzzzz") == [("zzzzzz", "like", ())]
    assert understood("config_server_qq") == [("config_server_qq", "parts", ("server", "qq"))]


@pytest.mark.usefixtures("three")
def test_where_nothing_has_all_words_what_has_the_most_is_shown_and_said() -> None:
    answer = engine.search(NOBODY, "migrating writeback zzzzzz")
    assert not answer.has_all
    assert set(addresses("migrating writeback zzzzzz")) == {"/cases/fuse-writeback/", "/cases/a-lock/"}
    assert "nothing has all of it" in page("migrating+writeback+zzzzzz")


def page(query: str, role: str = "") -> str:
    client = Client()
    if role:
        client.force_login(builders.person(role=role))
    answer = client.get(f"/search/?q={query}")
    assert answer.status_code == 200
    return on_one_line(answer)


@pytest.mark.usefixtures("three")
def test_the_page_marks_what_was_searched_for_and_escapes_the_rest() -> None:
    text = page("waiting+migrate")
    assert "<mark>Migrating</mark> a locked folio" in text
    assert "Nothing &lt;b&gt;else&lt;/b&gt; <mark>waits</mark>" in text
    assert "<mark>folio_wait_writeback</mark>()" in page("folio_wait_writeback")
    assert "A link." in page("writeback"), "the marks of CommonMark are left out"
    assert "&lt;script&gt;" in page("<script>") and "<script>" not in page("<script>").replace('<script src="', "")


@pytest.mark.usefixtures("three")
def test_results_narrow_by_kind_and_unknown_parameters_are_ignored() -> None:
    builders.strategy("lock-it", title="Lock the folio")
    assert "end-it" not in page("folio") and "lock-it" in page("folio")
    assert "a-lock" not in page("folio&kind=strategy") and "lock-it" in page("folio&kind=strategy")
    assert "a-lock" in page("folio&kind=nonsense&page=99")


@pytest.mark.usefixtures("three")
def test_a_draft_is_neither_found_nor_suggested() -> None:
    builders.case("hidden", title="Quixotic canary", body="It waits in canary_symbol().")
    for query in ("quixotic", "quixotik", "canary_symbol", "canary_symbl", "uixoti"):
        assert "/cases/hidden/" in addresses(query)
    Document.objects.filter(slug="hidden").update(state="draft")
    for query in ("quixotic", "quixotik", "canary_symbol", "canary_symbl", "uixoti"):
        assert addresses(query) == []
        text = page(query, Role.CONTRIBUTOR)
        assert "No match for" in text and "/cases/hidden/" not in text
        assert "/cases/hidden/" in page(query, Role.EDITOR)
    assert "3 with “waits”" in page("waits")


@pytest.mark.usefixtures("three")
def test_a_new_text_is_found_by_its_new_words_alone() -> None:
    assert addresses("migrate") == ["/cases/a-lock/"]
    builders.case("a-lock", title="Another name")
    assert addresses("migrate") == [] and addresses("another") == ["/cases/a-lock/"]


@pytest.mark.usefixtures("three")
def test_other_apps_add_what_they_have_and_take_it_away() -> None:
    document = Document.objects.get(slug="a-lock")
    index.index(document, "c1", "comment", "/cases/a-lock/#c1", "A comment", [("C", "Try folio_trylock here.")])
    index.index(document, "c1", "comment", "/cases/a-lock/#c1", "A comment", [("C", "Or folio_trylock there.")])
    assert addresses("folio_trylock") == ["/cases/a-lock/#c1"]
    assert "Or <mark>folio_trylock</mark> there" in page("folio_trylock")
    assert engine.documents(engine.search(NOBODY, "folio_trylock")) == set(), "a comment's words are not its document's"
    Document.objects.filter(slug="a-lock").update(state="draft")
    assert addresses("folio_trylock") == []
    Document.objects.filter(slug="a-lock").update(state="published")
    index.forget(document, "c1")
    assert addresses("folio_trylock") == []


@pytest.mark.usefixtures("three")
def test_what_has_no_entry_is_indexed_once() -> None:
    Entry.objects.all().delete()
    assert (index.index_missing(), index.index_missing()) == (3, 0)
    assert addresses("folio_wait_writeback") == ["/cases/fuse-writeback/"]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("query", ["folio", "folio wirteback zzzzzz", "a b c d e f g h i j"])
def test_the_number_of_queries_does_not_grow_with_what_is_found(
    query: str, django_assert_max_num_queries: None
) -> None:
    for number in range(30):
        builders.case(f"case-{number}", body="Another folio under writeback.")
    with django_assert_max_num_queries(4):  # words known, words meant, found, shown
        assert Client().get("/search/", {"q": query}).status_code == 200


def test_words_are_taken_as_they_are_written() -> None:
    def forms(text: str) -> list[set[str]]:
        return [tokens.forms(chunk) for chunk in tokens.chunks(text)]

    assert forms("(`Folio_Lock()`,") == [{"folio_lock", "folio", "lock"}]
    assert forms("fs.fuse.max_rt.") == [{"fs.fuse.max_rt", "fs", "fuse", "max_rt", "max", "rt"}]
    assert forms("/proc/kpageflags") == [{"proc/kpageflags", "proc", "kpageflags"}]
    assert forms("<a.1-b@x.org>") == [{"a.1-b@x.org"}]
    assert forms("https://lore.kernel.org/all/a@x.org/")[0] >= {"a@x.org"}
    assert "0c58a97f919c" in tokens.forms("0c58a97f919c24fe4245015f4375a39ff05665b6")
    assert forms("y" * 201 + " — 'quoted'") == [{"—"}, {"quoted"}]


@pytest.mark.parametrize("word", ["0c58a97", "0c58a97f919c", "123456789012"])
def test_a_hash_is_one(word: str) -> None:
    assert tokens.is_hash(word)


@pytest.mark.parametrize("word", ["0c58a9", "decade", "defaced", "1234567", "0c58a97g", "a" * 41])
def test_what_only_looks_like_a_hash_is_none(word: str) -> None:
    assert not tokens.is_hash(word)


def test_an_excerpt_is_the_stretch_with_the_most_of_the_words() -> None:
    text = "alpha " + "filler " * 100 + "beta then gamma " + "filler " * 100
    found = highlights.excerpt(text, highlights.pattern(["alpha", "beta", "gamma"], [], []))
    assert [piece for piece, is_searched in found if is_searched] == ["beta", "gamma"]
    assert found[0][0].startswith("… ") and found[-1][0].endswith(" …")
    assert highlights.excerpt("alpha beta", highlights.pattern([], [], [])) == (("alpha beta", False),)


def test_what_is_marked_joins_up_to_the_text() -> None:
    text = "Memories of a memory: memo, folio_lock and __folio_lock, unfolio."
    found = highlights.marked(text, highlights.pattern(["folio"], ["memori"], ["folio_l"]))
    assert "".join(piece for piece, _ in found) == text
    assert [piece for piece, is_searched in found if is_searched] == ["Memories", "memory", "folio_lock", "folio_lock"]


def test_an_excerpt_of_a_text_that_is_all_matches_costs_time_by_its_length_alone() -> None:
    """A comment of 20,000 characters that is one word again and again made each search for it take seconds."""
    pattern = highlights.pattern(["zq"], [], ["zq"])
    with cpu.bounded(1):
        found = highlights.excerpt("zq " * 100_000, pattern)
    assert found[0] == ("zq", True)
