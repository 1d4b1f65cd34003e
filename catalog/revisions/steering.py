"""What people do to a strategy without editing its text: object, answer, move its state, say who drives it.

Each is a revision of the text, so that history, the session's page and exports know of it, with a note that says what
was done.

    CannotBeDone  it cannot be done; the text says why
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from pydantic import ValidationError

from catalog.documents import splice
from catalog.documents.parser import Malformed, Problem, parse
from catalog.documents.schema import Link, Objection, Step, StrategyText
from catalog.models import Document, Revision
from catalog.models.text import Origin
from catalog.revisions import store
from people.models import User, may

Change = tuple[StrategyText, list[tuple[str, int | None, Any]], str]


class CannotBeDone(Exception):
    pass


def may_move(user: Any, document: Document) -> bool:
    """Editors, and whoever proposed it, until a file says something else: then it is whose the file is."""
    if may(user, "edit"):
        return True
    mine = may(user, "propose") and document.revisions.filter(n=1, author=user).exists()
    return mine and not document.revisions.filter(origin=Origin.FILE).exists()


def record_objection(document: Document, by: User, text: str, whose: str, source: Link | None) -> Revision:
    """Adds an objection. `whose`: who raised it, which may be somebody else, as in a mail. Raises `Malformed`."""

    def make(now: StrategyText) -> Change:
        slug = _unused(slugify(text.replace("_", "-"))[:40].strip("-") or "objection", {o.id for o in now.objections})
        made = Objection(id=slug, text=text, by=whose or by.shown_name, source=source)
        wanted = now.model_copy(update={"objections": (*now.objections, made)})
        return wanted, [("objections", -1, _plain(made))], "Recorded an objection."

    return _change(document, by, make)


def answer_objection(document: Document, by: User, objection: str, text: str, source: Link | None) -> Revision:
    """Adds the answer to an objection that has none. Raises `CannotBeDone`, `Malformed`."""

    def make(now: StrategyText) -> Change:
        index = next((n for n, o in enumerate(now.objections) if o.id == objection), None)
        if index is None:
            raise CannotBeDone("There is no such objection any more.")
        if now.objections[index].answer:
            raise CannotBeDone("This objection has an answer by now. Comment, if it is not enough.")
        made = now.objections[index].model_copy(update={"answer": text, "answer_source": source})
        every = (*now.objections[:index], made, *now.objections[index + 1 :])
        added = {"answer": text} | ({"answer_source": _plain(source)} if source else {})
        return now.model_copy(update={"objections": every}), [("objections", index, added)], "Answered an objection."

    return _change(document, by, make)


def move(document: Document, by: User, step: Step) -> Revision:
    """Adds a step to a strategy's way. Raises `CannotBeDone` where it stands there already."""

    def make(now: StrategyText) -> Change:
        if (now.state.state, now.state.version) == (step.state, step.version):
            raise CannotBeDone("It stands there already.")
        wanted = now.model_copy(update={"states": (*now.states, step)})
        return wanted, [("states", -1, _plain(step))], f"Moved its state to {step.state}."

    return _change(document, by, make)


def drive(document: Document, by: User) -> Revision:
    """Says that this person drives it from now on."""

    def make(now: StrategyText) -> Change:
        wanted = now.model_copy(update={"driver": by.shown_name})
        return wanted, [("driver", None, by.shown_name)], "Said who drives it."

    return _change(document, by, make)


@transaction.atomic
def _change(document: Document, by: User, make: Callable[[StrategyText], Change]) -> Revision:
    """On whatever the text says now: what is added contradicts no other edit, so that none can be in its way."""
    locked = Document.objects.select_for_update(no_key=True).get(pk=document.pk)
    current = locked.current
    assert current is not None
    text = parse(current.text)
    assert isinstance(text, StrategyText)
    try:
        wanted, edits, note = make(text)
    except ValidationError as error:
        raise Malformed([Problem(1, str(fault["loc"][-1]), fault["msg"]) for fault in error.errors()]) from None
    changed = splice.changed(current.text, wanted, edits)
    return store.save(changed, origin=Origin.SITE, author=by, base=current.n, of=locked, note=note)


def _plain(part: Objection | Step | Link) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def _unused(wanted: str, taken: set[str]) -> str:
    names = [wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
