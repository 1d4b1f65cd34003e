"""Where a document stands between proposed, drafted and published: what its page says of it, and what may be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.safestring import SafeString

from catalog.documents.parser import Malformed, parse
from catalog.documents.schema import StrategyText
from catalog.models import Document, Revision
from catalog.models.text import State
from catalog.revisions.states import Move, moves_from
from catalog.search import index
from catalog.text.mentions import Mentions
from people.models import Event, may

SAID = {
    State.PROPOSED: "Nobody has reviewed this yet. It is a proposal, and no part of the catalog.",
    State.DECLINED: "This was proposed and declined. It is no part of the catalog.",
    State.DRAFT: "This is a draft. Only editors see it.",
}


@dataclass(frozen=True)
class Review:
    document: Document
    said: str
    """'' where it is published."""
    last: Event | None
    """Who proposed, declined or withdrew it."""
    why: SafeString | None
    moves: list[Move]
    may_edit: bool
    n: int


def review_of(document: Document, user: Any) -> Review:
    """Where a document stands between proposed and published, and what `user` may do about it.

    One query where it is not published, and what its reason names; none else.
    """
    state = State(document.state)
    last = None if state == State.PUBLISHED else acts_on(document).first()
    moves = moves_from(state) if may(user, "edit") else []
    assert document.current is not None
    reason = last.data.get("reason", "") if last else ""
    why = Mentions([reason], user).html(reason) if reason else None
    return Review(document, SAID.get(state, ""), last, why, moves, may_edit(user, document), document.current.n)


def acts_on(document: Document) -> QuerySet[Event]:
    """What was done to the document as a whole, the last first; not what was done to one that had its name before."""
    verbs = ("proposed", "renamed", "accepted", "declined", "reopened", "published", "withdrawn")
    told = [f"{document.kind}.{verb}" for verb in verbs]
    found = Event.objects.filter(
        subject_kind=document.kind, subject=document.slug, verb__in=told, at__gte=document.created_at
    )
    return found.select_related("actor").order_by("-id")


def may_read(user: Any, revision: Revision) -> bool:
    """Whether somebody may read a text as it is written. A strategy may name a case that is still a draft."""
    if revision.document.kind == "case" or may(user, "see drafts"):
        return True
    return tells_nothing_of(index.hidden_names(), revision)


def tells_nothing_of(hidden: frozenset[str], revision: Revision) -> bool:
    """The rule of `may_read` for many texts at once: `hidden` are the names of drafts."""
    if revision.document.kind == "case":
        return True
    try:
        parsed = parse(revision.text)
    except Malformed:
        return False
    assert isinstance(parsed, StrategyText)
    return hidden.isdisjoint(served.case for served in parsed.cases)


def may_edit(user: Any, document: Document) -> bool:
    """Editors may, and whoever proposed it, until somebody takes it over or declines it."""
    if may(user, "edit"):
        return True
    waits = document.state == State.PROPOSED and may(user, "propose")
    return waits and document.revisions.filter(n=1, author=user).exists()
