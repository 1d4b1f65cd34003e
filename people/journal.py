"""The one journal: what happened, to what, by whom. History, feeds, audit and mail read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from people.models import Event, User

# Verb: the sentence that history shows. Adding an event is adding a line here.
VERBS = {
    "case.revised": "revised the case",
    "case.proposed": "proposed the case",
    "case.renamed": "renamed the proposed case",
    "case.accepted": "took the proposed case over",
    "case.declined": "declined the proposed case",
    "case.reopened": "reopened the proposed case",
    "case.published": "published the case",
    "case.withdrawn": "withdrew the case",
    "strategy.published": "published the strategy",
    "strategy.withdrawn": "withdrew the strategy",
    "strategy.revised": "revised the strategy",
    "strategy.proposed": "proposed the strategy",
    "comment.made": "commented",
    "comment.edited": "edited a comment",
    "comment.resolved": "resolved a thread",
    "comment.reopened": "opened a thread again",
    "comment.let_through": "let a first comment through",
    "comment.flagged": "flagged a comment",
    "comment.flags_settled": "looked at a flagged comment",
    "comment.hidden": "hid a comment",
    "comment.shown": "showed a comment again",
    "discussion.locked": "locked the discussion",
    "discussion.unlocked": "unlocked the discussion",
    "thread.imported": "imported mail",
    "session.opened": "opened a session",
    "session.noted": "noted what was decided",
    "session.closed": "closed the session",
    "machine.added": "added the machine",
    "machine.trusted": "trusted the machine",
    "machine.withdrawn": "withdrew the machine's evidence",
    "machine.new": "took back the trust in the machine",
    "token.made": "made a token",
    "token.revoked": "revoked a token",
    "evidence.judged": "judged evidence",
    "evidence.first": "has its first evidence on this line of kernels",
    "outcome.changed": "is held where it was not, or no longer, on a newer kernel",
    "unmatched.first": "is new, and no case explains it",
    "build.new": "was measured for the first time",
    "reports.replayed": "had reports read again",
    "signature.activated": "activated a signature",
    "text.shared": "shared a text",
    "text.taken": "took in a shared text",
    "text.declined": "turned down a shared text",
    "text.withdrawn": "withdrew a shared text",
    "report.erased": "erased a report",
    "observations.ruled": "ruled on observations that look alike",
    "observations.unruled": "took back a ruling on observations",
    "person.added": "added the person",
    "person.joined": "joined",
    "person.banned": "banned the person",
    "person.readmitted": "lifted the ban of the person",
    "person.left": "deleted the account",
}


# Told by reports that were read, by no person: see reports.worker.news and docs/events.md.
NEWS = ("evidence.first", "outcome.changed", "build.new")


def said(verb: str) -> str:
    """The sentence of a verb; the verb itself where a later release wrote it."""
    return VERBS.get(verb, verb)


def record(verb: str, subject_kind: str, subject: str, actor: User | None = None, **data: Any) -> Event:
    """Writes one line, in the caller's transaction: it stands exactly if what it tells of stands."""
    if verb not in VERBS:
        raise ValueError(f"no such verb: {verb}")
    return Event.objects.create(verb=verb, subject_kind=subject_kind, subject=subject, actor=actor, data=data)


def record_once(events: Iterable[Event]) -> None:
    """Writes those of these lines whose `once` the journal does not have yet, in the caller's transaction.

    In the order of `once`, so that two transactions with the same lines wait for each other and cannot deadlock.
    """
    events = sorted(events, key=lambda event: event.once or "")
    if any(event.verb not in VERBS or not event.once for event in events):
        raise ValueError("expected known verbs, each with what makes it happen once")
    Event.objects.bulk_create(events, ignore_conflicts=True)
