"""What no case explains: something that was never seen before, and what an editor says of it."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from catalog.models import Case
from mailing.follows.subjects import Subject
from mailing.letters import plain
from mailing.letters.telling import Matter, Told, host, id_of
from mailing.models import Kind
from people.models import Event


class Unmatched:
    verbs = ("unmatched.first", "observations.ruled")

    def matter(self, event: Event) -> Matter | None:
        concerned = {Subject(Kind.UNMATCHED)}
        for kind, name in ((Kind.KERNEL, "line"), (Kind.MACHINE, "machine")):
            if event.data.get(name):
                concerned.add(Subject(kind, str(event.data[name])))
        return Matter(f"event-{event.pk}", frozenset(concerned), event.actor_id)

    def told(self, event: Event, reader: Any) -> Told | None:
        headline, text = _new(event) if event.verb == "unmatched.first" else _ruled(event, reader)
        if not headline:
            return None
        path = reverse("group", args=[event.subject])
        return Told(
            headline=headline,
            body="\n\n".join(filter(None, (plain.wrapped(plain.sentence(headline)), plain.wrapped(text)))),
            short=text,
            path=path,
            group=f"unmatched {event.subject}",
            title="an observation that no case explains",
            group_path=path,
            at=event.at,
            message_id=id_of(event),
            thread=f"unmatched-{event.subject}@{host()}",
            by=event.actor.shown_name if event.actor else "",
        )


def _new(event: Event) -> tuple[str, str]:
    said = event.data
    label = f" with {said['label']}" if said.get("label") else ""
    return "something new that no case explains", f"Seen on {said.get('release', '')}{label} by {said.get('machine')}."


def _ruled(event: Event, reader: Any) -> tuple[str, str]:
    """'' where it became a case that this reader may not see."""
    slug = str(event.data.get("case", ""))
    if not slug:
        return f"an editor decided: {event.data.get('word', '')}", ""
    case = Case.objects.visible_to(reader).filter(slug=slug).first()
    return (f"an editor decided: the case {slug}", case.title) if case else ("", "")
