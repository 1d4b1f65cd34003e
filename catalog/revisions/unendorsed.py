"""What a proposal may be while no editor stands behind it: anybody who signed up writes one."""

from __future__ import annotations

from typing import Any

from catalog.documents.parser import Malformed, Problem, parse
from catalog.documents.schema import CaseText
from catalog.models import Document
from catalog.models.text import State
from people.models import User, may

# These decide what reports are recognised by and which names a case owns.
EDITORS_OWN = ("signature", "aliases", "probe", "parent")
MOST_WAITING = 5
MOST_REVISIONS = 50
MAX_CHARACTERS = 40_000


class TooManyWait(Exception):
    def __init__(self) -> None:
        super().__init__(f"{MOST_WAITING} of your proposals wait for an editor. Propose more once some are decided on.")


def room_for(person: User) -> None:
    """Raises `TooManyWait`. Call it in the transaction that saves: one person's proposals then come one by one."""
    if may(person, "edit"):
        return
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    mine = Document.objects.filter(state=State.PROPOSED, revisions__n=1, revisions__author=person)
    if mine.count() >= MOST_WAITING:
        raise TooManyWait


def check(document: Document, text: str, author: Any) -> None:
    """Raises `Malformed` where a text of a proposal says what is for editors to say, or is one too many."""
    if document.owns_names or may(author, "edit"):
        return
    if len(text) > MAX_CHARACTERS:
        raise Malformed([Problem(1, "", f"a proposal has up to {MAX_CHARACTERS} characters, this one {len(text)}")])
    if document.current is not None and document.current.n >= MOST_REVISIONS:
        raise Malformed([Problem(1, "", f"{MOST_REVISIONS} revisions are enough until an editor has looked at it")])
    parsed, before = parse(text), _said(document)
    changed = [name for name in EDITORS_OWN if getattr(parsed, name, None) != before[name]]
    if changed:
        raise Malformed(
            [Problem(_line(text, name), name, "stays as it is: this is for editors to say") for name in changed]
        )


def _said(document: Document) -> dict[str, Any]:
    try:
        parsed = parse(document.current.text) if document.current else None
    except Malformed:  # an older release took it
        parsed = None
    return {name: getattr(parsed, name, CaseText.model_fields[name].default) for name in EDITORS_OWN}


def _line(text: str, name: str) -> int:
    """Where the head says it, or where it would."""
    lines = text.split("\n")
    return next((n for n, line in enumerate(lines, start=1) if line.startswith(f"{name}:")), 2)
