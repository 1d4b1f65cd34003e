"""Texts that people share without a machine of their own: a queue that editors clear.

What is taken in becomes a report like any other, sent by the machine SENDER, and is read by the worker.

    NotWaiting     it was decided on, or withdrawn, meanwhile
    QueueFull      no more is taken until editors have looked at some; `TooMuch`: of this sender
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import salted_hmac

from diagnosis.formats.format import Given
from people import journal
from people.models import Machine, Standing, User
from reports.intake import inbox
from reports.intake.submission import Sending
from reports.models import Report, Shared

SENDER = "shared-by-people"
FORMAT = "kernel-log"
MOST_WAITING = 1_000
MOST_OF_STRANGERS = 500  # so that whoever has no name does not close the queue to those who have one
MOST_OF_ONE, MOST_BYTES_OF_ONE = 10, 4 << 20
EXPIRED = "No editor got to it in time, so its text is gone. Share it again if it still matters."


class NotWaiting(Exception):
    pass


class QueueFull(Exception):
    """So many texts wait already that no more are taken until editors have looked at some."""


class TooMuch(QueueFull):
    """So much of one sender waits that no more of theirs is taken."""


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
def share(offer: Offer, person: User | None, sender: str = "") -> Shared:
    """Keeps the text until an editor has decided, or it expires. Raises `QueueFull`, `TooMuch`.

    `sender`: whom to count it with, as `rest.bounds.limits.client_key` names them.
    """
    body, sender = offer.text.encode(), _digest(sender)
    _check_room(person, sender, len(body))
    made = Shared.objects.create(
        person=person,
        release=offer.release,
        architecture=offer.architecture,
        environment=offer.environment,
        note=offer.note,
        sender=sender,
        body=inbox.packed(body),
        size_bytes=len(body),
    )
    journal.record("text.shared", "shared", str(made.pk), person)
    return made


def _digest(sender: str) -> str:
    """Addresses are few enough to be tried, so the digest has a key."""
    return salted_hmac("reports.diagnose.sharing", sender).hexdigest()[:32] if sender else ""


def _check_room(person: User | None, sender: str, nr_bytes: int) -> None:
    mine = Q(sender=sender) if sender else Q(pk=None)
    strangers = Q(person=None)
    waiting = Shared.objects.filter(decided_at=None).aggregate(
        all=Count("pk"),
        of_strangers=Count("pk", filter=strangers),
        mine=Count("pk", filter=mine),
        my_bytes=Coalesce(Sum("size_bytes", filter=mine), 0),
    )
    if waiting["mine"] >= MOST_OF_ONE or waiting["my_bytes"] + nr_bytes > MOST_BYTES_OF_ONE:
        raise TooMuch
    if waiting["all"] >= MOST_WAITING or (person is None and waiting["of_strangers"] >= MOST_OF_STRANGERS):
        raise QueueFull


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
    shared.sender = ""
    shared.save(update_fields=["decided_at", "decided_by", "answer", "body", "report", "sender"])


def _sender() -> Machine:
    """The machine in whose name people's texts come in. Its owner is nobody: no one signs in as it.

    An editor has looked at each, so what it sends counts.
    """
    owner, _ = User.objects.get_or_create(username=SENDER, defaults={"is_active": False, "role": "reader"})
    machine, _ = Machine.objects.get_or_create(name=SENDER, defaults={"owner": owner, "standing": Standing.TRUSTED})
    if owner.is_active or machine.owner_id != owner.pk:
        raise SenderTaken
    return machine
