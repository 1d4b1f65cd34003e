"""What a line of the journal says to those who follow. Each app offers what it can tell of, when Django starts.

First `matter` says whether anybody is to be told, and whom it concerns; later `told` says it to one of them, or None
where there is nothing to tell any more, as when a comment was hidden meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings

from catalog.models import Document
from mailing.follows.subjects import Subject
from people.models import Event


@dataclass(frozen=True)
class Matter:
    """`topic`: what somebody is told of once, whichever line tells of it. `by`: who did it, and needs no mail."""

    topic: str
    concerned: frozenset[Subject]
    by: int | None
    named: tuple[int, ...] = ()


@dataclass(frozen=True)
class Told:
    """Texts are plain, at 72 columns. Ids of mails have no brackets.

    headline: a sentence without its end, of one line. body: a mail's. short: what a digest says below the headline.
    group, title, group_path: below which heading a digest puts it. weight: what comes first there, from 0.
    thread: the id that all mails of one case or strategy refer to. before: further ids that it answers, oldest first.
    answered: the document that an answer is said of.
    """

    headline: str
    body: str
    short: str
    path: str
    group: str
    title: str
    group_path: str
    at: datetime
    message_id: str
    thread: str
    before: tuple[str, ...] = ()
    by: str = ""
    answered: int | None = None
    weight: int = 1


class Teller(Protocol):
    @property
    def verbs(self) -> tuple[str, ...]: ...

    def matter(self, event: Event) -> Matter | None: ...

    def told(self, event: Event, reader: Any) -> Told | None: ...


_tellers: dict[str, Teller] = {}


def offer(teller: Teller) -> None:
    for verb in teller.verbs:
        _tellers[verb] = teller


def verbs() -> Iterable[str]:
    return _tellers.keys()


def matter(event: Event) -> Matter | None:
    teller = _tellers.get(event.verb)
    return teller.matter(event) if teller else None


def told(event: Event, reader: Any) -> Told | None:
    teller = _tellers.get(event.verb)
    return teller.told(event, reader) if teller else None


def host() -> str:
    return str(settings.SIGNING.mail_from.rpartition("@")[2])


def id_of(event: Event) -> str:
    """With its time: after a restore numbers come again, and a mail whose id came before is thrown away unread."""
    return f"event-{event.pk}.{event.at:%y%m%d%H%M%S}@{host()}"


def thread_of(document: Document) -> str:
    """No mail has this id: programs put together what refers to it."""
    return f"{document.kind}-{document.slug}.{document.pk}@{host()}"
