"""What was measured: an outcome that changed, the first evidence on a line."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from catalog.models import Case
from diagnosis.words.vocabulary import AREAS, ENVIRONMENTS, MOVERS, OUTCOMES, TURNS, counted, look_up
from mailing.follows.subjects import Subject, of_case
from mailing.letters import plain
from mailing.letters.telling import Matter, Told, id_of, thread_of
from mailing.models import Kind
from people.models import Event


class News:
    verbs = ("outcome.changed", "evidence.first")

    def matter(self, event: Event) -> Matter | None:
        concerned = of_case(event.subject)
        for kind, name in ((Kind.KERNEL, "line"), (Kind.MACHINE, "machine")):
            if event.data.get(name):
                concerned.add(Subject(kind, str(event.data[name])))
        return Matter(f"event-{event.pk}", frozenset(concerned), None)

    def told(self, event: Event, reader: Any) -> Told | None:
        case = Case.objects.visible_to(reader).filter(slug=event.subject).select_related("document").first()
        if case is None:
            return None
        said = event.data
        where = _where(said)
        if event.verb == "evidence.first":
            headline = f"first evidence on {said.get('line', '')} ({said.get('release', '')})"
            facts = plain.table([("Where", where), ("Sent by", str(said.get("machine", "")))])
            todo = f"Its evidence: {{site}}{case.get_absolute_url()}#evidence"
            short, weight = where, 2
        else:
            headline = f"{look_up(TURNS, said['turned']).label} on {said['release']}"
            before, after = _side(said["before"]), _side(said["after"])
            facts = plain.table(
                [
                    ("Before", before),
                    ("After", after),
                    ("Where", where),
                    ("Sent by", str(said.get("machine", ""))),
                    *([("By chance", f"p = {said['p']}")] if said.get("p") is not None else []),
                ]
            )
            sides = urlencode({"a": said["before"]["release"], "b": said["after"]["release"]})
            todo = f"Side by side: {{site}}/compare/?{sides}"
            short, weight = f"before: {before}\nafter: {after}\n{where}", 0
        body = f"{plain.wrapped(case.title)}\n\n{plain.wrapped(plain.sentence(headline))}\n\n"
        return Told(
            headline=headline,
            body=body + "\n".join(facts) + f"\n\n{todo}",
            short=short,
            path=f"{case.get_absolute_url()}#evidence",
            group=case.slug,
            title=case.title,
            group_path=case.get_absolute_url(),
            at=event.at,
            message_id=id_of(event),
            thread=thread_of(case.document),
            answered=case.document_id,
            weight=weight,
        )


def _where(said: dict[str, Any]) -> str:
    area = f" in {look_up(AREAS, said['area']).label}" if said.get("area") in AREAS else ""
    mover = look_up(MOVERS, said.get("mover", "")).label
    return f"{mover}{area}, {said.get('architecture', '')}, {look_up(ENVIRONMENTS, said.get('environment', '')).label}"


def _side(side: dict[str, Any]) -> str:
    outcomes = ", ".join(counted(number, look_up(OUTCOMES, name)) for name, number in side["outcomes"].items())
    label = f" with {side['label']}" if side.get("label") else ""
    return f"{outcomes or 'no conclusive run'} on {side['release']}{label}"
