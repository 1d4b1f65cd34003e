"""What an editor does with a whole document: take a proposal over, decline it, publish a draft, withdraw.

NotPossible   the document is in another state, or has another text, than the editor saw
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from catalog.documents.parser import Malformed, parse
from catalog.models import Document, Revision
from catalog.models.text import State
from catalog.revisions import store
from catalog.search import index
from people import journal
from people.models import User


@dataclass(frozen=True)
class Move:
    """One way from a state to another. `done` is the journal's verb; `wants_reason` where it is told to others."""

    act: str
    label: str
    meaning: str
    origin: State
    to: State
    done: str
    wants_reason: bool = False


# Adding a move is adding a line here, and its verb to the journal.
MOVES = (
    Move(
        "accept", "Accept the proposal", "It becomes part of the catalog.", State.PROPOSED, State.PUBLISHED, "accepted"
    ),
    Move(
        *("decline", "Decline it", "It stays readable, with the reason."),
        *(State.PROPOSED, State.DECLINED, "declined"),
        wants_reason=True,
    ),
    Move("reopen", "Reopen it", "It waits for review again.", State.DECLINED, State.PROPOSED, "reopened"),
    Move("publish", "Publish it", "Everybody sees this text from now on.", State.DRAFT, State.PUBLISHED, "published"),
    Move(
        *("withdraw", "Withdraw it", "Only editors see it from now on."),
        *(State.PUBLISHED, State.DRAFT, "withdrawn"),
        wants_reason=True,
    ),
    Move(
        *("hide", "Hide it", "Only editors see it from now on."),
        *(State.DECLINED, State.DRAFT, "withdrawn"),
        wants_reason=True,
    ),
)


class NotPossible(Exception):
    pass


def moves_from(state: str) -> list[Move]:
    return [move for move in MOVES if move.origin == state]


@transaction.atomic
def move(document: Document, act: str, by: User | None, n: int | None = None, reason: str = "") -> Document:
    """Does `act` to `document`, whose revision `n` was read (None: whichever stands). Raises `NotPossible`."""
    locked = Document.objects.select_for_update(no_key=True).get(pk=document.pk)
    current = locked.current
    found = next((move for move in moves_from(locked.state) if move.act == act), None)
    if found is None or current is None:
        raise NotPossible(f"It is {State(locked.state).label.lower()} by now.")
    if n is not None and n != current.n:
        raise NotPossible(f"Its text has changed since you read revision {n}. Look at revision {current.n} first.")
    if found.wants_reason and not reason.strip():
        raise NotPossible("Say why, so that others can learn from it.")
    named = locked.owns_names
    locked.state, locked.endorsed = found.to, found.to == State.PUBLISHED or named
    locked.save(update_fields=["state", "endorsed"])
    if locked.owns_names and not named:
        _take_names(locked, current)
    if found.to != State.DRAFT:
        Revision.objects.filter(pk=current.pk).update(in_draft=False)
    if State.DRAFT in (found.origin, found.to) and locked.kind == "case":
        index.index_strategies_of(locked)
    told = {"n": current.n, **({"reason": reason.strip()} if reason.strip() else {})}
    journal.record(f"{locked.kind}.{found.done}", locked.kind, locked.slug, by, **told)
    return locked


def _take_names(document: Document, current: Revision) -> None:
    try:
        store.project(document, parse(current.text))
    except Malformed as error:
        raise NotPossible(f"Mend its text first: {error}") from None


@transaction.atomic
def publish(document: Document) -> None:
    """As a file does that names it: from whatever state it is in."""
    act = {State.PROPOSED: "accept", State.DRAFT: "publish"}
    if document.state == State.DECLINED:
        document = move(document, "reopen", None)
    move(document, act[State(document.state)], None)
