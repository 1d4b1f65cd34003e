"""What can be followed: found by the names that people use, and which of it a line of the journal concerns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse

from catalog.models import Case, Document, Subsystem
from diagnosis.kernels import releases
from mailing.models import Follow, Kind
from people.models import Machine

MOST_NAME = 130
WORDS = {
    Kind.CASE: "the case",
    Kind.STRATEGY: "the strategy",
    Kind.SUBSYSTEM: "the subsystem",
    Kind.KERNEL: "the kernel line",
    Kind.MACHINE: "the machine",
    Kind.UNMATCHED: "what no case explains",
}


@dataclass(frozen=True)
class Subject:
    """`name` is '' of a case and a strategy, which `document` knows, and of the unmatched."""

    kind: str
    name: str = ""
    document: int | None = None


@dataclass(frozen=True)
class Shown:
    """For a page or a mail: `words` such as 'the case fuse-writeback', `slug` as an address has it."""

    subject: Subject
    slug: str
    words: str
    path: str

    @property
    def follow_path(self) -> str:
        return f"{reverse('follow')}?{urlencode({'kind': self.subject.kind, 'name': self.slug})}"


def found(kind: str, name: str, user: Any) -> Shown | None:
    """What this person may follow by that name; a release stands for its line. None where there is no such thing."""
    if len(name) > MOST_NAME or not name.isprintable():
        return None
    if kind == Kind.CASE:
        case = Case.objects.visible_to(user, proposals=True).select_related("document").named(name)
        return of_document(case.document) if case else None
    if kind == Kind.STRATEGY:
        document = Document.objects.visible_to(user).filter(kind="strategy", slug=name).first()
        return of_document(document) if document else None
    if kind == Kind.SUBSYSTEM:
        visible = Case.objects.visible_to(user)
        subsystem = Subsystem.objects.filter(slug=name, cases__in=visible).first()
        return _named(kind, subsystem.slug, subsystem.name) if subsystem else None
    if kind == Kind.KERNEL:
        read = releases.read(name) if name else None
        return _named(kind, read.line, read.line) if read and read.is_known else None
    if kind == Kind.MACHINE:
        return _named(kind, name, name) if Machine.objects.filter(name=name).exists() else None
    return _named(Kind.UNMATCHED, "", "") if kind == Kind.UNMATCHED and not name else None


def of_document(document: Document) -> Shown:
    words = f"{WORDS[Kind(document.kind)]} {document.slug}"
    return Shown(Subject(document.kind, document=document.pk), document.slug, words, document.get_absolute_url())


def of(follow: Follow) -> Shown:
    """Asks the database once for each follow of a document, unless `document` was selected with it."""
    return of_document(follow.document) if follow.document else _named(follow.kind, follow.name, follow.name)


def _named(kind: str, name: str, said: str) -> Shown:
    paths = {
        Kind.SUBSYSTEM: lambda: reverse("subsystem", args=[name]),
        Kind.KERNEL: lambda: reverse("kernels"),
        Kind.MACHINE: lambda: reverse("machine", args=[name]),
        Kind.UNMATCHED: lambda: reverse("unmatched"),
    }
    return Shown(Subject(kind, name), name, f"{WORDS[Kind(kind)]} {said}".strip(), paths[Kind(kind)]())


def follows_of(concerned: Iterable[Subject]) -> Q:
    """Of these subjects."""
    documents = [one.document for one in concerned if one.document is not None]
    made = Q(document__in=documents) if documents else Q(pk__in=[])
    names: dict[str, list[str]] = {}
    for one in concerned:
        if one.document is None:
            names.setdefault(one.kind, []).append(one.name)
    for kind, wanted in names.items():
        made |= Q(document=None, kind=kind, name__in=wanted)
    return made


def of_case(slug: str) -> set[Subject]:
    """The case and its subsystems."""
    found = Case.objects.filter(slug=slug).values_list("pk", flat=True).first()
    return _of_cases([found]) if found is not None else set()


def of_strategy(document: int) -> set[Subject]:
    """The strategy, and what it is for: cases and their subsystems."""
    served = Case.objects.filter(servings__strategy=document).values_list("pk", flat=True)
    return {Subject(Kind.STRATEGY, document=document)} | _of_cases(list(served))


def concerned_by(document: Document) -> set[Subject]:
    return of_strategy(document.pk) if document.kind == "strategy" else of_case(document.slug)


def _of_cases(cases: list[int]) -> set[Subject]:
    made = {Subject(Kind.CASE, document=pk) for pk in cases}
    slugs = Subsystem.objects.filter(cases__in=cases).values_list("slug", flat=True).distinct()
    return made | {Subject(Kind.SUBSYSTEM, slug) for slug in slugs}
