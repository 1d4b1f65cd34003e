"""Texts that people share without a machine of their own: a queue that editors clear.

What is taken in becomes a report like any other, sent by the machine SENDER, and is read by the worker.

    NotWaiting     it was decided on, or withdrawn, meanwhile
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from diagnosis.formats.format import Given
from people import journal
from people.models import Machine, Standing, User
from reports import inbox
from reports.models import Report, Shared
from reports.sending import Sending

SENDER = "shared-by-people"
FORMAT = "kernel-log"
MOST_WAITING = 1_000


class NotWaiting(Exception):
    pass


class QueueFull(Exception):
    """So many texts wait already that no more are taken until editors have looked at some."""


class SenderTaken(Exception):
    """Somebody owns the name SENDER. What people share would be theirs to read, so nothing is taken in."""


@dataclass(frozen=True)
class Offer:
    text: str
    release: str
    architecture: str
    environment: str
    note: str = ""


@transaction.atomic
def share(offer: Offer, person: User | None) -> Shared:
    """Keeps the text until an editor has decided. Raises `QueueFull`."""
    if Shared.objects.waiting().count() >= MOST_WAITING:
        raise QueueFull
    body = offer.text.encode()
    made = Shared.objects.create(
        person=person,
        release=offer.release,
        architecture=offer.architecture,
        environment=offer.environment,
        note=offer.note,
        body=inbox.packed(body),
        size_bytes=len(body),
    )
    journal.record("text.shared", "shared", str(made.pk), person)
    return made


@transaction.atomic
def take_in(pk: Any, editor: User) -> Report:
    """Makes a report of it; the caller rings. Raises `NotWaiting`, `SenderTaken`."""
    shared = _waiting(pk)
    report, _ = inbox.take(
        Sending(
            machine=_sender(),
            body=inbox.unpacked(shared),
            media_type="text/plain",
            idempotency_key=f"shared-{shared.pk}",
            format=FORMAT,
            given=Given(shared.release, shared.architecture, "", shared.environment),
        )
    )
    shared.report = report
    _decide(shared, editor, "")
    journal.record("text.taken", "shared", str(shared.pk), editor, report=str(report.pk))
    return report


@transaction.atomic
def turn_down(pk: Any, editor: User, why: str) -> None:
    """Its bytes are gone with this. Raises `NotWaiting`."""
    shared = _waiting(pk)
    _decide(shared, editor, why)
    journal.record("text.declined", "shared", str(shared.pk), editor)


@transaction.atomic
def withdraw(pk: Any, person: User) -> None:
    """Its own sender takes it back; nothing of it stays. Raises `NotWaiting`."""
    shared = _waiting(pk)
    if shared.person_id != person.pk:
        raise NotWaiting
    journal.record("text.withdrawn", "shared", str(shared.pk), person)
    shared.delete()


def _waiting(pk: Any) -> Shared:
    shared = Shared.objects.select_for_update(no_key=True).filter(pk=pk, decided_at=None).first()
    if shared is None:
        raise NotWaiting
    return shared


def _decide(shared: Shared, editor: User, answer: str) -> None:
    shared.decided_at, shared.decided_by, shared.answer, shared.body = timezone.now(), editor, answer, None
    shared.save(update_fields=["decided_at", "decided_by", "answer", "body", "report"])


def _sender() -> Machine:
    """The machine in whose name people's texts come in. Its owner is nobody: no one signs in as it.

    An editor has looked at each, so what it sends counts.
    """
    owner, _ = User.objects.get_or_create(username=SENDER, defaults={"is_active": False, "role": "reader"})
    machine, _ = Machine.objects.get_or_create(name=SENDER, defaults={"owner": owner, "standing": Standing.TRUSTED})
    if owner.is_active or machine.owner_id != owner.pk:
        raise SenderTaken
    return machine
