"""Saving a text: parse, number, project, journal, in one transaction. The only way into the catalog.

Conflict      the document moved on since the text that was edited
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from catalog.documents.parser import Malformed, Problem, parse
from catalog.documents.schema import CaseText, DocumentText, kind_of
from catalog.models import Document, Revision
from catalog.models.text import PROPOSALS, Origin, State
from catalog.revisions import name_claims, projection, unendorsed
from people import journal
from people.models import User


class Conflict(Exception):
    """`current` is the revision that stands now."""

    def __init__(self, current: Revision) -> None:
        self.current = current
        super().__init__(f"{current.document} is at revision {current.n} by now")


@dataclass(frozen=True)
class Saving:
    """Who saves a text, from where, and what they took for granted."""

    origin: Origin
    author: User | None = None
    base: int | None = None
    """The revision that the author started from; None skips the check (a file's first load)."""
    of: Document | None = None
    """The document that the text must be of; None takes the one that it names."""
    new: bool = False
    """Whether the document must not exist yet."""
    state: State = State.PUBLISHED
    """Of a document that does not exist yet; what exists keeps its own."""
    note: str = ""
    """What the author says of the change, in a line."""

    @property
    def takes_a_name(self) -> bool:
        """Whether what somebody merely proposed under the text's name has to yield."""
        return self.origin == Origin.FILE or (self.new and self.state not in PROPOSALS)


def save(text: str, **given: Any) -> Revision:
    """Makes `text` the current text of the document that it names, and returns its revision. Takes `Saving`'s fields.

    Raises `Malformed` (the text, or a name that another case has) and `Conflict`.
    """
    return _save(text, Saving(**given))


@transaction.atomic
def _save(text: str, saving: Saving) -> Revision:
    parsed = parse(text)
    same_name(parsed, saving.of)
    first = 1
    if saving.takes_a_name and isinstance(parsed, CaseText):
        first = _make_way_for_another(parsed.case, text)
    document = _locked(parsed, saving.state)
    current = document.current
    if current is not None:
        if saving.new:
            raise Malformed([Problem(2, kind_of(parsed), f"{parsed.slug} exists already")])
        if current.text == text:
            return current
        moved_on = saving.of is not None and saving.of.state != document.state
        if saving.of is not None and saving.of.pk != document.pk:  # it was renamed since it was looked up
            raise Malformed([Problem(2, kind_of(parsed), f"{parsed.slug} is another {kind_of(parsed)} by now")])
        if moved_on or (saving.base is not None and saving.base != current.n):
            raise Conflict(current)
    if saving.author is not None:
        unendorsed.check(document, text, saving.author)
    revision = Revision.objects.create(
        document=document,
        n=current.n + 1 if current else first,
        text=text,
        author=saving.author,
        origin=saving.origin,
        base=saving.base,
        note=saving.note,
        in_draft=document.state == State.DRAFT,
    )
    document.current = revision
    document.save(update_fields=["current"])
    project(document, parsed)
    verb = "proposed" if saving.new and document.state != State.DRAFT else "revised"
    journal.record(
        f"{document.kind}.{verb}", document.kind, document.slug, saving.author, n=revision.n, origin=str(saving.origin)
    )
    return revision


def same_name(parsed: DocumentText, document: Document | None) -> None:
    """Raises `Malformed` where a text is not of the document that it should become the text of."""
    if document is not None and (kind_of(parsed), parsed.slug) != (document.kind, document.slug):
        raise Malformed([Problem(2, document.kind, f"expected {document.slug}: the name of what is edited stays")])


def _make_way_for_another(slug: str, text: str) -> int:
    """A text that is a proposal's own, word for word, is that proposal, taken over; any other takes its name. Returns
    the first revision's number: not one of the proposal's, or an editor who has that one open saves it over this one.
    """
    same = Document.objects.filter(kind="case", slug=slug, current__text=text)
    renamed = [] if same.exists() else name_claims.make_way([slug])
    return 1 + max((document.current.n for document in renamed if document.current), default=0)


def project(document: Document, parsed: DocumentText) -> None:
    """Rewrites the document's columns. Raises `Malformed` where another case has one of its names."""
    try:
        with transaction.atomic():
            if document.owns_names and isinstance(parsed, CaseText):
                name_claims.make_way([parsed.case, *parsed.aliases], but=document)
            projection.project(document, parsed)
    except IntegrityError as error:
        if "catalog_alias" not in str(error):
            raise
        raise Malformed([Problem(2, "aliases", "one of these names belongs to another case")]) from None


def _locked(parsed: DocumentText, state: State) -> Document:
    """The row, made where there is none, locked so that revisions of one document are numbered one after another.

    Its current revision is read afterwards: joined to the lock, a revision that was committed while this waited for
    the lock is not in the statement's snapshot, and seems to be none.
    """
    key = {"kind": kind_of(parsed), "slug": parsed.slug}
    endorsed = state not in PROPOSALS
    Document.objects.bulk_create([Document(**key, state=state, endorsed=endorsed)], ignore_conflicts=True)
    return Document.objects.select_for_update(no_key=True).get(**key)
