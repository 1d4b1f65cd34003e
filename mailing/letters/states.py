"""What people decide: a case or strategy that comes, goes or moves on, what a session decided, whose runs count."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from catalog.documents.parser import readable
from catalog.documents.schema import StrategyText
from catalog.models import Case, Document, Revision
from diagnosis.words.vocabulary import STRATEGY_STATES, look_up
from mailing.follows.subjects import Subject, concerned_by, of_case
from mailing.letters import plain
from mailing.letters.telling import Matter, Told, host, id_of, thread_of
from mailing.models import Kind
from people import journal
from people.models import Event, Machine

_OF_DOCUMENTS = (
    *("case.proposed", "case.accepted", "case.declined", "case.reopened", "case.published", "case.withdrawn"),
    *("strategy.proposed", "strategy.published", "strategy.withdrawn", "strategy.revised"),
)
_OF_MACHINES = ("machine.trusted", "machine.withdrawn", "machine.new")
_COUNTS = {
    "machine.trusted": "what it sends counts from now on",
    "machine.withdrawn": "what it sent counts no more",
    "machine.new": "what it sends does not count for now",
}


class States:
    verbs = (*_OF_DOCUMENTS, "session.noted", *_OF_MACHINES)

    def matter(self, event: Event) -> Matter | None:
        if event.verb in _OF_MACHINES:
            concerned = {Subject(Kind.MACHINE, event.subject)}
        elif event.verb == "session.noted":
            concerned = of_case(str(event.data.get("case", "")))
        else:
            document = _document(event)
            if document is None or (event.verb == "strategy.revised" and not _step(document, event)):
                return None
            concerned = concerned_by(document)
        return Matter(f"event-{event.pk}", frozenset(concerned), event.actor_id)

    def told(self, event: Event, reader: Any) -> Told | None:
        if event.verb in _OF_MACHINES:
            return _of_machine(event)
        if event.verb == "session.noted":
            return _decided(event, reader)
        return _moved(event, reader)


def _document(event: Event) -> Document | None:
    return Document.objects.filter(kind=event.subject_kind, slug=event.subject).first()


def _step(document: Document, event: Event) -> str:
    """The state that a revision moved a strategy to; '' where it stands where it stood."""
    number = event.data.get("n")
    texts = Revision.objects.filter(document=document, n__in=(number, (number or 0) - 1)).order_by("-n")
    read = [readable(one.text) for one in texts]
    if len(read) != 2 or not all(isinstance(one, StrategyText) for one in read):
        return ""
    now, before = (one.state for one in read if isinstance(one, StrategyText))
    if (now.state, now.version) == (before.state, before.version):
        return ""
    return look_up(STRATEGY_STATES, now.state).label + (f" v{now.version}" if now.version else "")


def _moved(event: Event, reader: Any) -> Told | None:
    document = Document.objects.visible_to(reader).filter(kind=event.subject_kind, slug=event.subject).first()
    if document is None:
        return None
    step = _step(document, event) if event.verb == "strategy.revised" else ""
    headline = f"moved to {step}" if step else journal.said(event.verb)
    return _told(event, document, headline, str(event.data.get("reason", "")))


def _decided(event: Event, reader: Any) -> Told | None:
    case = Case.objects.visible_to(reader).filter(slug=str(event.data.get("case", ""))).first()
    if case is None:
        return None
    said = [(label, str(event.data.get(name, ""))) for label, name in (("Action", "action"), ("Who", "who"))]
    more = "\n".join(f"{label}: {value}" for label, value in said if value)
    decided = str(event.data.get("decided", ""))
    return _told(event, case.document, "a session decided", "\n".join(filter(None, (decided, more))))


def _told(event: Event, document: Document, headline: str, text: str) -> Told:
    about = document.case if document.kind == "case" else document.strategy
    by = event.actor.shown_name if event.actor else ""
    said = plain.wrapped(f"{by}: {headline}." if by else plain.sentence(headline))
    body = "\n\n".join(filter(None, (plain.wrapped(about.title), said, plain.wrapped(text))))
    return Told(
        headline=headline,
        body=body,
        short=text,
        path=document.get_absolute_url(),
        group=document.slug,
        title=about.title,
        group_path=document.get_absolute_url(),
        at=event.at,
        message_id=id_of(event),
        thread=thread_of(document),
        by=by,
        answered=document.pk,
    )


def _of_machine(event: Event) -> Told | None:
    if not Machine.objects.filter(name=event.subject).exists():
        return None
    headline = _COUNTS[event.verb]
    path = reverse("machine", args=[event.subject])
    return Told(
        headline=headline,
        body=plain.wrapped(f"The machine {event.subject}: {headline}."),
        short="",
        path=path,
        group=event.subject,
        title="the machine",
        group_path=path,
        at=event.at,
        message_id=id_of(event),
        thread=f"machine-{event.subject}@{host()}",
    )
