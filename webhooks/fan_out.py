"""From the journal to messages: what a hook asks for becomes one, in the transaction that notes how far was read.

A hook is told what strangers may see, whoever owns it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, F, Max, Min, Q

from catalog.pages import events
from people import journal, journal_cursor
from people.models import Event
from webhooks.models import Delivery, Hook, Reader

AT_ONCE = 200


def note_all() -> int:
    """Reads the journal on. Returns how many messages came of it."""
    journal_cursor.give_places()
    made = 0
    while (count := _note_some()) is not None:
        made += count
    return made


def place_of_now() -> int:
    """Behind every line that was committed: where a new hook begins. Call it outside of any transaction.

    What was not read yet may have no place, and would get one behind a hook that came later."""
    journal_cursor.give_places()
    return _last_place()


def _last_place() -> int:
    return Event.objects.aggregate(place=Max("place"))["place"] or 0


@transaction.atomic
def _note_some() -> int | None:
    reader = _reader()
    found = list(journal_cursor.after(Event.objects.all(), reader.place)[:AT_ONCE])
    if not found:
        return None
    made = _messages(found)
    Delivery.objects.bulk_create(made, ignore_conflicts=True)
    reader.place = found[-1].place or 0
    reader.save(update_fields=["place"])
    return len(made)


def _reader() -> Reader:
    """Locked. At the first time it stands where the first hook begins: that was made before anything was read."""
    if not Reader.objects.filter(pk=1).exists():
        first = Hook.objects.aggregate(place=Min("after_place"))["place"]
        place = _last_place() if first is None else first
        Reader.objects.bulk_create([Reader(pk=1, place=place)], ignore_conflicts=True)
    return Reader.objects.select_for_update(no_key=True).get(pk=1)


def _messages(found: list[Event]) -> list[Delivery]:
    hooks = list(Hook.objects.filter(disabled_at=None, owner__is_active=True))
    wanted = [event for event in found if any(event.verb in hook.verbs for hook in hooks)]
    if not wanted:
        return []
    public = events.visible_to(AnonymousUser()).filter(pk__in=[event.pk for event in wanted])
    bodies = {event.pk: body_of(event) for event in public.select_related("actor")}
    waiting = Count("deliveries", filter=Q(deliveries__state=Delivery.State.WAITING))
    room = {pk: Hook.MOST_WAITING - nr for pk, nr in Hook.objects.annotate(nr=waiting).values_list("pk", "nr")}
    made, skipped = [], Counter[int]()
    for event in wanted:
        for hook in hooks:
            if event.pk not in bodies or (event.place or 0) <= hook.after_place or not hook.pick.admits(event):
                continue
            if room[hook.pk] > 0:
                room[hook.pk] -= 1
                made.append(Delivery(hook=hook, event=event, verb=event.verb, body=bodies[event.pk]))
            else:
                skipped[hook.pk] += 1
    for pk, number in skipped.items():
        Hook.objects.filter(pk=pk).update(nr_skipped=F("nr_skipped") + number)
    return made


def body_of(event: Event) -> str:
    data: dict[str, Any] = {
        **events.data_of(event),
        "subject_kind": event.subject_kind,
        "subject": event.subject,
        "said": journal.said(event.verb),
        "place": str(event.place),
    }
    if event.actor:
        data["actor"] = event.actor.username
    if event.subject_kind == "case":
        data["page"] = f"{settings.SITE_URL}/cases/{event.subject}/"
    return as_json(event.verb, event.at.isoformat(timespec="milliseconds"), data)


def as_json(verb: str, at: str, data: dict[str, Any]) -> str:
    """ASCII alone: no receiver's charset can change what was signed."""
    return json.dumps({"type": verb, "timestamp": at.replace("+00:00", "Z"), "data": data})
