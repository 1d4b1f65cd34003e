"""What owners do with their hooks."""

from __future__ import annotations

import base64
import secrets
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from people.models import User
from webhooks import fan_out
from webhooks.models import Delivery, Hook

_PREFIX = "whsec_"


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def add(owner: User, url: str, verbs: list[str], case: str = "", kernel: str = "", machine: str = "") -> Hook:
    """From now on. Raises `ValidationError` where somebody has as many as anybody may."""
    now = fan_out.place_of_now()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)  # two at once would each find room for one
        if Hook.objects.filter(owner=owner).count() >= Hook.MOST_A_PERSON:
            raise ValidationError(f"{Hook.MOST_A_PERSON} webhooks are the most that one person has.")
        return Hook.objects.create(
            owner=owner,
            url=url,
            verbs=verbs,
            case=case,
            kernel=kernel,
            machine=machine,
            secret=new_secret(),
            after_place=now,
        )


@transaction.atomic
def rotate(hook: Hook) -> str:
    """A new secret; the one before signs beside it for a day."""
    hook = Hook.objects.select_for_update(no_key=True).get(pk=hook.pk)
    hook.secret_before, hook.secret_before_until = hook.secret, timezone.now() + Hook.OVERLAP
    hook.secret = new_secret()
    hook.save(update_fields=["secret", "secret_before", "secret_before_until"])
    return hook.secret


@transaction.atomic
def ping(hook: Hook) -> Delivery | None:
    """A message that says nothing. None where one waits already."""
    Hook.objects.select_for_update(no_key=True).get(pk=hook.pk)
    if hook.deliveries.filter(event=None, state=Delivery.State.WAITING).exists():
        return None
    body = fan_out.as_json("ping", datetime.now(UTC).isoformat(timespec="milliseconds"), {"hook": hook.pk})
    Hook.objects.filter(pk=hook.pk).update(next_at=timezone.now())
    return Delivery.objects.create(hook=hook, verb="ping", body=body)


def send_again(delivery: Delivery) -> bool:
    """The same message with the same id, from the first try on. False where it waits, or the hook is disabled."""
    with transaction.atomic():
        hook = Hook.objects.select_for_update(no_key=True).get(pk=delivery.hook_id)
        if hook.disabled_at is not None:
            return False
        at_rest = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.WAITING)
        waiting = {"state": Delivery.State.WAITING, "settled_at": None, "tries": 0, "next_try_at": timezone.now()}
        Hook.objects.filter(pk=hook.pk).update(next_at=timezone.now())
        return bool(at_rest.update(**waiting))


@transaction.atomic
def disable(hook: Hook) -> None:
    """By its owner. What waits is given up."""
    now = timezone.now()
    if Hook.objects.filter(pk=hook.pk, disabled_at=None).update(disabled_at=now, disabled_why="You disabled it."):
        hook.deliveries.filter(state=Delivery.State.WAITING).update(state=Delivery.State.GIVEN_UP, settled_at=now)


def enable(hook: Hook) -> None:
    """What happened meanwhile is not sent: /api/v1/events/ has it."""
    Hook.objects.filter(pk=hook.pk).exclude(disabled_at=None).update(
        disabled_at=None,
        disabled_why="",
        failing_since=None,
        nr_failed=0,
        nr_skipped=0,
        next_at=timezone.now(),
        after_place=fan_out.place_of_now(),
    )
