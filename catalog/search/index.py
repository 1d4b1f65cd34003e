"""Writing the search index. Other apps add what they have by `index`, and take it away by `forget`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import transaction
from django.db.models import Exists, OuterRef, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast

from catalog.documents.parser import Malformed, parse
from catalog.documents.schema import CaseText, DocumentText, StrategyText, kind_of
from catalog.models import Alias, Document, Entry, Word
from catalog.models.text import State
from catalog.search import tokens
from diagnosis.words.vocabulary import GROUPS

log = logging.getLogger(__name__)
PROSE_CHARACTERS = 100_000
LABELS = {slug: word.label for group in GROUPS.values() for slug, word in group.items()}
SENTENCE = 40  # characters, from which on a text in a head reads as one
Parts = list[tuple[str, str]]


def index_document(document: Document, parsed: DocumentText) -> None:
    """The entry of a case or strategy. Called with every projection.

    What a strategy says of a draft is left out: one index serves strangers and editors, and a search would find it.
    """
    if isinstance(parsed, StrategyText):
        hidden = hidden_names()
        shown = tuple(served for served in parsed.cases if served.case not in hidden)
        parsed = parsed.model_copy(update={"cases": shown})
    index(document, "", kind_of(parsed), document.get_absolute_url(), parsed.title, _parts(parsed))


def index_strategies_of(case: Document) -> None:
    """After a case became a draft, or is none any more: what its strategies say of it goes, or comes back."""
    strategies = Document.objects.filter(strategy__servings__case=case.pk, current__isnull=False).distinct()
    for strategy in strategies.select_related("current"):
        assert strategy.current is not None
        try:
            parsed = parse(strategy.current.text)
        except Malformed:  # from before a field was renamed: it says nothing that can be left out
            forget(strategy, "")
        else:
            index_document(strategy, parsed)


def hidden_names() -> frozenset[str]:
    """Every name of a draft, which strangers may not learn from the text that names it."""
    return frozenset(Alias.objects.filter(case__document__state=State.DRAFT).values_list("slug", flat=True))


@transaction.atomic
def index(document: Document, key: str, kind: str, address: str, title: str, parts: Parts) -> None:
    """Makes one entry findable. `parts`: (weight, text), weight A for names, B, C, or D for what matters least.

    The title weighs A without being named again. Indexing the same key again replaces it.
    """
    parts = [("A", title), *parts]
    exact, known = tokens.literal(parts)
    prose: SearchVector | CombinedExpression = SearchVector(Value(""), config="english")
    for weight in sorted({weight for weight, _ in parts}):
        text = "\n".join(_spaced(text) for part, text in parts if part == weight)[:PROSE_CHARACTERS]
        prose += SearchVector(Value(text), weight=weight, config="english")
    Entry.objects.update_or_create(
        document=document,
        key=key,
        defaults={
            "kind": kind,
            "address": address,
            "title": title,
            "body": " · ".join(text for weight, text in parts[1:] if weight in "BC"),
            "prose": prose,
            "exact": Cast(Value(exact), SearchVectorField()),
        },
    )
    Word.objects.bulk_create([Word(text=word) for word in sorted(known)], ignore_conflicts=True)


def forget(document: Document, key: str) -> None:
    Entry.objects.filter(document=document, key=key).delete()


def index_missing() -> int:
    """Documents that have a text and no entry, as after an upgrade. Returns how many there were."""
    entry = Entry.objects.filter(document=OuterRef("pk"), key="")
    missing = Document.objects.filter(~Exists(entry), current__isnull=False).select_related("current")
    for document in missing:
        assert document.current is not None
        try:
            index_document(document, parse(document.current.text))
        except Malformed as error:  # an older release took it; it must not keep this one from starting
            log.error("%s is not found by search: %s", document, error)
    return len(missing)


def _parts(parsed: DocumentText) -> Parts:
    parts = [("A", parsed.slug), ("B", plain(parsed.summary))]
    parts += [("C", plain(text)) for text in parsed.sections.values()]
    head = parsed.model_dump(mode="json", exclude_none=True, exclude={"title", "summary", "sections", "sources"})
    if isinstance(parsed, CaseText):
        parts += [("A", name) for name in (*parsed.aliases, *parsed.signature.names, parsed.short or "")]
        parts += [("B", name) for name in parsed.subsystems]
    parts += [("C" if len(text) >= SENTENCE else "D", text) for text in _strings(head)]
    parts += [("D", source.where) for source in parsed.sources]
    return parts


def _strings(value: Any) -> Iterator[str]:
    """Every text in what a head says; a word of the vocabulary by its label, so that no symbol is made of it."""
    if isinstance(value, str):
        yield LABELS.get(value, value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def plain(text: str) -> str:
    """CommonMark without its marks, well enough to be read in one line of a result."""
    text = re.sub(r"(?m)^[^\S\n]*(?:```.*|~~~.*|#{1,6}\s+|[-*]\s+|>\s?)", "", text)
    text = re.sub(r"\[([^\[\]]*)\]\([^)\[]*\)", r"\1", text)
    return re.sub(r"`|\*\*", "", text).strip()


def _spaced(text: str) -> str:
    """With symbols taken apart, so that English grammar sees the words in them."""
    return re.sub(r"[_./]", " ", text).replace("\x00", " ")
