"""The one journal: what happened, to what, by whom. History, feeds, audit and mail read it."""

from __future__ import annotations

from typing import Any

from people.models import Event, User

# Verb: the sentence that history shows. Adding an event is adding a line here.
VERBS = {
    "case.revised": "revised the case",
    "strategy.revised": "revised the strategy",
    "strategy.proposed": "proposed the strategy",
    "comment.made": "commented",
    "machine.added": "added the machine",
    "token.made": "made a token",
    "token.revoked": "revoked a token",
    "evidence.judged": "judged evidence",
    "reports.replayed": "had reports read again",
    "person.added": "added the person",
}


def record(verb: str, subject_kind: str, subject: str, actor: User | None = None, **data: Any) -> Event:
    """Writes one line, in the caller's transaction: it stands exactly if what it tells of stands."""
    if verb not in VERBS:
        raise ValueError(f"no such verb: {verb}")
    return Event.objects.create(verb=verb, subject_kind=subject_kind, subject=subject, actor=actor, data=data)
