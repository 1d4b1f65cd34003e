"""Saving a text: parse, number, project, journal, in one transaction. The only way into the catalog.

Conflict      the document moved on since the text that was edited
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from catalog import projection
from catalog.document import Malformed, Problem, parse
from catalog.facts import DocumentText, kind_of
from catalog.models import Document, Revision
from catalog.models.text import Origin, State
from people import journal
from people.models import User


class Conflict(Exception):
    """`current` is the revision that stands now."""

    def __init__(self, current: Revision) -> None:
        self.current = current
        super().__init__(f"{current.document} is at revision {current.n} by now")


@transaction.atomic
def save(
    text: str, *, origin: Origin, author: User | None = None, base: int | None = None, new: bool = False
) -> Revision:
    """Makes `text` the current text of the document that it names, and returns its revision.

    base: the revision that the author started from; None skips the check (a file's first load).
    new: the document must not exist yet.
    Raises `Malformed` (the text, or a name that another case has) and `Conflict`.
    """
    parsed = parse(text)
    document = _locked(parsed)
    current = document.current
    if current is not None:
        if new:
            raise Malformed([Problem(2, kind_of(parsed), f"{parsed.slug} exists already")])
        if current.text == text:
            return current
        if base is not None and base != current.n:
            raise Conflict(current)
    revision = Revision.objects.create(
        document=document, n=current.n + 1 if current else 1, text=text, author=author, origin=origin, base=base
    )
    document.current = revision
    document.save(update_fields=["current"])
    try:
        with transaction.atomic():
            projection.project(document, parsed)
    except IntegrityError as error:
        if "catalog_alias" not in str(error):
            raise
        raise Malformed([Problem(2, "aliases", "one of these names belongs to another case")]) from None
    verb = "proposed" if new and document.kind == "strategy" else "revised"
    journal.record(f"{document.kind}.{verb}", document.kind, document.slug, author, n=revision.n, origin=str(origin))
    return revision


def _locked(parsed: DocumentText) -> Document:
    """The row, made where there is none, locked so that revisions of one document are numbered one after another.

    Its current revision is read afterwards: joined to the lock, a revision that was committed while this waited for
    the lock is not in the statement's snapshot, and seems to be none.
    """
    key = {"kind": kind_of(parsed), "slug": parsed.slug}
    Document.objects.bulk_create([Document(**key, state=State.PUBLISHED)], ignore_conflicts=True)
    return Document.objects.select_for_update().get(**key)
