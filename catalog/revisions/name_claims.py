"""Proposals make way: a name that a file or an editor gives to a case is taken from whatever nobody endorsed.

Anybody who signed up proposes, and names are foreseeable: a proposal that could hold one would keep the project's own
case out of the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from catalog.documents import splice
from catalog.documents.parser import parse
from catalog.documents.schema import CaseText
from catalog.models import Alias, Document, Revision
from catalog.models.text import Origin, State, owns_names
from catalog.revisions import projection
from people import journal

NOTE = "Renamed: a case of the catalog has its name"


def make_way(names: Iterable[str], but: Document | None = None) -> list[Document]:
    """Gives every case that nobody endorsed and that stands under one of these names another one. In a transaction."""
    unendorsed = Document.objects.filter(~owns_names(), kind="case", slug__in=sorted(names), current__isnull=False)
    if but is not None:
        unendorsed = unendorsed.exclude(pk=but.pk)
    found = list(unendorsed.select_for_update(no_key=True, of=("self",)).select_related("current").order_by("pk"))
    for document in found:
        _rename(document, _free(f"{_renamed(document.slug)}{document.pk}"))
    return found


def renamed_of(slug: str, author: Any) -> Document | None:
    """What this person proposed under the name, and has open perhaps, where it had to yield: the last of it."""
    mine = Document.objects.filter(kind="case", state=State.PROPOSED, revisions__n=1, revisions__author=author)
    return mine.filter(slug__startswith=_renamed(slug)).select_related("current__author").order_by("-pk").first()


def _renamed(slug: str) -> str:
    return f"{slug[:40].strip('-')}-proposal-"


def _free(wanted: str) -> str:
    """The name, with a number behind it where somebody foresaw it."""
    taken = Q(slug__startswith=wanted)
    has = {*Alias.objects.filter(taken).values_list("slug", flat=True)}
    has |= {*Document.objects.filter(taken, kind="case").values_list("slug", flat=True)}
    return next(name for n in range(len(has) + 1) if (name := f"{wanted}-{n}" if n else wanted) not in has)


def _rename(document: Document, name: str) -> None:
    current = document.current
    assert current is not None
    parsed = parse(current.text)
    assert isinstance(parsed, CaseText)
    wanted = parsed.model_copy(update={"case": name})
    before, document.slug = document.slug, name
    document.current = Revision.objects.create(
        document=document,
        n=current.n + 1,
        text=splice.changed(current.text, wanted, [("case", None, name)]),
        origin=Origin.SITE,
        base=current.n,
        note=NOTE,
        in_draft=document.state == State.DRAFT,
    )
    document.save(update_fields=["slug", "current"])
    projection.project(document, wanted)
    journal.record("case.renamed", "case", name, None, n=current.n + 1, former=before)
