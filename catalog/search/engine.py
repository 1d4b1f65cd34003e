"""Searching the catalog: what was typed, how it was understood, and what answers to it, best first.

A word counts where it stands as it was written (symbols whole), where it begins a word, and where English grammar leads
to it. A word that nothing visible has is looked for inside words, then among words spelled like it, then by its parts.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchQueryField, SearchRank, TrigramSimilarity
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable, CombinedExpression
from django.db.models.functions import Cast

from catalog.models import Entry, Word
from catalog.models.entries import EntryQuerySet
from catalog.search import highlights, tokens

MAX_FOUND = 500
MAX_FORMS = 30
SHORTEST_BEGINNING = 3
SHORTEST_GUESS = 4
LIKENESS = 0.72
# D, C, B, A: what stands in a title is worth twenty mentions in a list of sources.
WEIGHTS = [0.05, 0.15, 0.4, 1.0]
TITLE_ALONE = [0.0, 0.0, 0.0, 1.0]


@dataclass(frozen=True)
class Term:
    """One typed word. `forms` are the words that stand for it; `how` is '', 'inside', 'like' or 'parts' (all)."""

    word: str
    forms: tuple[str, ...]
    how: str = ""
    stems: tuple[str, ...] = ()

    @property
    def exact(self) -> Combinable:
        return _exact((" & " if self.how == "parts" else " | ").join(tokens.quoted(form) for form in self.forms))

    @property
    def begun(self) -> Combinable:
        return _exact(" | ".join(tokens.quoted(form) + _beginning(form) for form in self.forms))

    @property
    def prose(self) -> SearchQuery | None:
        return SearchQuery(self.word, config="english") if not self.how and not tokens.is_symbol(self.word) else None

    @property
    def matches(self) -> Q:
        found = Q(_holds("exact", self.exact if self.how else self.begun))
        return found | Q(_holds("prose", self.prose)) if self.prose else found

    @property
    def rank(self) -> Combinable:
        """Whole words count more than beginnings and than what grammar leads to."""
        made = SearchRank(F("exact"), self.exact, weights=WEIGHTS) * Value(2.0)
        if self.how:
            return made
        made = made + SearchRank(F("exact"), self.begun, weights=WEIGHTS) * Value(0.5)
        if self.prose:
            return made + SearchRank(F("prose"), self.prose, weights=WEIGHTS)
        return made + SearchRank(F("prose"), self.parts, weights=TITLE_ALONE) * Value(0.1)

    @property
    def parts(self) -> SearchQuery:
        """The words that a symbol is made of: a title has those where it does not have the symbol."""
        return SearchQuery(" | ".join(tokens.parts(self.word)), config="english", search_type="raw")


@dataclass(frozen=True)
class Answer:
    """What was found, as (entry's id, kind), best first. `left_out`: typed words that stand nowhere."""

    terms: tuple[Term, ...] = ()
    rows: tuple[tuple[int, str], ...] = ()
    nr_words: int = 0
    has_all: bool = True

    @property
    def pattern(self) -> highlights.Pattern:
        plain = [term for term in self.terms if not term.how]
        return highlights.pattern(
            [form for term in self.terms for form in term.forms],
            [stem for term in plain if term.prose for stem in term.stems],
            [form for term in plain for form in term.forms if _beginning(form)],
        )


def search(user: Any, query: str) -> Answer:
    """Everything that this person may see and that has the most of the words that were typed."""
    typed = tokens.typed(query)
    if not typed:
        return Answer()
    visible = Entry.objects.visible_to(user)
    terms = _understood(visible, typed)
    known = [term for term in terms if term.forms]
    if not known:
        return Answer(terms, nr_words=len(typed), has_all=False)
    rows = _ranked(visible, known)
    most = rows[0][2] if rows else 0
    best = tuple((pk, kind) for pk, kind, nr_matched in rows if nr_matched == most)
    return Answer(terms, best, len(typed), most == len(terms))


def documents(answer: Answer) -> set[int]:
    """The documents whose own text has every word that was typed. One query."""
    if not answer.has_all:
        return set()
    own = Entry.objects.filter(pk__in=[pk for pk, _ in answer.rows], key="")
    return set(own.values_list("document_id", flat=True))


def _ranked(visible: EntryQuerySet, terms: list[Term]) -> list[tuple[int, str, int]]:
    """(entry, kind, how many terms it has), best first; in one order where ranks are equal."""
    any_of = Q()
    matched: Value | CombinedExpression = Value(0)
    rank: Value | CombinedExpression = Value(0.0)
    for term in terms:
        any_of |= term.matches
        matched = matched + Case(When(term.matches, then=1), default=0, output_field=IntegerField())
        rank = rank + term.rank
    found = visible.filter(any_of).annotate(nr_matched=matched, rank=rank)
    ordered = found.order_by("-nr_matched", "-rank", "kind", "title", "pk")
    return list(ordered.values_list("pk", "kind", "nr_matched")[:MAX_FOUND])


def _understood(visible: EntryQuerySet, typed: list[str]) -> tuple[Term, ...]:
    """Two queries: which words stand somewhere, with their stems; and what the others may have meant."""
    terms = [Term(word, _shortened(word)) for word in typed]
    asked = [
        visible.filter(term.matches).annotate(place=Value(place), stems=_stems(term.word)).values("place", "stems")[:1]
        for place, term in enumerate(terms)
    ]
    there = {row["place"]: tuple(row["stems"] or ()) for row in asked[0].union(*asked[1:], all=True)}
    missing = [term.word for place, term in enumerate(terms) if place not in there]
    meant = _meant(visible, missing)
    return tuple(
        replace(term, stems=there[place]) if place in there else meant[term.word] for place, term in enumerate(terms)
    )


def _meant(visible: EntryQuerySet, missing: list[str]) -> dict[str, Term]:
    """What words that stand nowhere may stand for: words that they are part of, or one that is spelled like them."""
    inside: dict[str, list[str]] = {word: [] for word in missing}
    like: dict[str, list[str]] = {word: [] for word in missing}
    guessed = [word for word in missing if len(word) >= SHORTEST_GUESS and not tokens.is_name(word)]
    if guessed:
        seen = visible.filter(_holds("exact", _lexeme(OuterRef("text"))))
        asked = [
            Word.objects.annotate(typed=Value(word), likeness=TrigramSimilarity("text", word))
            .filter(Q(text__contains=word) | Q(text__trigram_similar=word))
            .filter(Exists(seen))
            .order_by("-likeness", "text")
            .values_list("typed", "text")[:MAX_FORMS]
            for word in guessed
        ]
        for word, text in asked[0].union(*asked[1:], all=True):
            (inside if word in text else like)[word].append(text)
    made = {}
    for word in missing:
        nearest = difflib.get_close_matches(word, like[word], n=1, cutoff=LIKENESS)
        if inside[word]:
            made[word] = Term(word, tuple(inside[word]), how="inside")
        elif nearest or tokens.is_name(word) or not tokens.is_symbol(word):
            made[word] = Term(word, tuple(nearest), how="like")
        else:
            made[word] = Term(word, tokens.parts(word), how="parts")
    return made


def _shortened(word: str) -> tuple[str, ...]:
    """A commit that was typed in full is also found where it is cited by its first digits."""
    if tokens.is_hash(word) and len(word) > tokens.HASH_CHARACTERS:
        return (word, word[: tokens.HASH_CHARACTERS])
    return (word,)


def _beginning(form: str) -> str:
    return ":*" if len(form) >= SHORTEST_BEGINNING else ""


class _Holds(Func):
    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = BooleanField()


def _holds(vector: str, query: Any) -> Combinable:
    return _Holds(F(vector), query)


def naming(word: str) -> Q:
    """Entries that hold this very word, as it is written."""
    return Q(_holds("exact", _exact(tokens.quoted(word))))


def _exact(literal: str) -> Combinable:
    return Cast(Value(literal), SearchQueryField())


class _Lexeme(Func):
    """A column's word as a query; as `words.quoted` writes it."""

    template = "('''' || %(expressions)s || '''')::tsquery"
    output_field = SearchQueryField()


def _lexeme(column: Any) -> Combinable:
    return _Lexeme(column)


class _Stems(Func):
    """The stems that English leads a word to; none for what it has no grammar for, and for stop words."""

    template = "ts_lexize('english_stem', %(expressions)s)"
    output_field = ArrayField(TextField())


def _stems(word: str) -> Combinable:
    return _Stems(Value(word))
