"""Sends what waits: for each hook one message at a time, for several hooks at once: who is slow holds up nobody else.

A message is marked as tried before it is sent. A worker that dies with one leaves the hook's lease, which ends by
itself; then the message is sent again, with the id that it had: at least once, and the receiver can tell.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from people.accounts import outbox
from webhooks import posting
from webhooks.models import Delivery, Hook

log = logging.getLogger(__name__)
AT_ONCE = 8
_SENDING = 0x686B  # of locks of ours, the one under which is sent
SLOW_SECONDS = 3.0  # who takes longer is then left alone for twice as long: others have their turn
# After the first try, and so on; the last one some 27 hours after the first.
BACKOFF = tuple(timedelta(seconds=n) for n in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200))
MOST_TRIES = len(BACKOFF) + 1
PAUSE_AT_MOST = timedelta(minutes=10)  # of a hook that fails: each message waits by itself as well
FAILING_FOR = timedelta(days=1)


def deliver_due(seconds: float = 40.0) -> bool:
    """Begins no message after so many seconds. Returns whether all due were tried, or another process does so."""
    with _alone() as is_mine:
        return _deliver(seconds) if is_mine else True


@contextmanager
def _alone() -> Iterator[bool]:
    """One process sends: two, both held by slow receivers, would leave mail and maintenance without a worker. The lock
    ends with its connection; should it end too early, the leases of hooks still hold."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_SENDING])
        is_mine = cursor.fetchone()[0]
    try:
        yield is_mine
    finally:
        if is_mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_SENDING])


def _deliver(seconds: float) -> bool:
    end = monotonic() + seconds
    running: dict[Future[posting.Answer], Delivery] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while True:
            while len(running) < AT_ONCE and monotonic() < end and (one := _claimed()):
                running[pool.submit(posting.post, one.hook.url, one.message_id, one.body, _secrets(one.hook))] = one
            if not running:
                return monotonic() < end
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                settle(running.pop(done), done.result())


@transaction.atomic
def _claimed() -> Delivery | None:
    now = timezone.now()
    due = Delivery.objects.filter(hook=OuterRef("pk"), state=Delivery.State.WAITING, next_try_at__lte=now)
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    free = Q(busy_until=None) | Q(busy_until__lte=now)
    hooks = Hook.objects.filter(free, Exists(due), disabled_at=None, owner__is_active=True, next_at__lte=now)
    hook = hooks.select_for_update(no_key=True, skip_locked=True, of=("self",)).order_by("next_at", "pk").first()
    if hook is None:
        return None
    waiting = Delivery.objects.filter(hook=hook, state=Delivery.State.WAITING, next_try_at__lte=now)
    one = waiting.order_by("next_try_at", "created_at", "pk").first()
    if one is None:
        return None
    Hook.objects.filter(pk=hook.pk).update(busy_until=now + lease)
    after = now + BACKOFF[min(one.tries, len(BACKOFF) - 1)]
    Delivery.objects.filter(pk=one.pk).update(tries=F("tries") + 1, tried_at=now, next_try_at=max(after, now + lease))
    one.refresh_from_db()
    one.hook = hook
    return one


def _secrets(hook: Hook) -> list[str]:
    is_valid = hook.secret_before and hook.secret_before_until and hook.secret_before_until > timezone.now()
    return [hook.secret, hook.secret_before] if is_valid else [hook.secret]


@transaction.atomic
def settle(delivery: Delivery, answer: posting.Answer) -> None:
    """Notes what came of a try. One whose lease has ended meanwhile notes it all the same: it was sent."""
    now = timezone.now()
    hook = Hook.objects.select_for_update(no_key=True).filter(pk=delivery.hook_id).first()
    if hook is None:
        return  # deleted meanwhile, with its messages
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING)
    told = {"status": answer.status, "answer": answer.said[:200], "seconds": answer.seconds}
    hook.busy_until = None
    if answer.is_ok:
        mine.update(state=Delivery.State.DELIVERED, settled_at=now, **told)
        hook.failing_since, hook.nr_failed = None, 0
        hook.next_at = now + timedelta(seconds=2 * answer.seconds if answer.seconds > SLOW_SECONDS else 0)
    else:
        if delivery.tries >= MOST_TRIES:
            mine.update(state=Delivery.State.GIVEN_UP, settled_at=now, **told)
        else:
            mine.update(next_try_at=now + BACKOFF[max(0, delivery.tries - 1)], **told)
        hook.failing_since = hook.failing_since or now
        hook.next_at = now + min(BACKOFF[min(hook.nr_failed, len(BACKOFF) - 1)], PAUSE_AT_MOST)
        hook.nr_failed += 1
    hook.save(update_fields=["busy_until", "failing_since", "nr_failed", "next_at"])
    if answer.is_gone:
        disable(hook, now, "The receiver answered 410: it wants no more.")
    elif hook.failing_since is not None and now - hook.failing_since >= FAILING_FOR:
        disable(hook, now, "Nothing was taken for a day.")


def disable(hook: Hook, now: datetime, why: str) -> None:
    """Sends nothing more there, and tells its owner. What waits is given up. Call it in a transaction."""
    if not Hook.objects.filter(pk=hook.pk, disabled_at=None).update(disabled_at=now, disabled_why=why):
        return
    hook.deliveries.filter(state=Delivery.State.WAITING).update(state=Delivery.State.GIVEN_UP, settled_at=now)
    log.info("webhook %s is disabled: %s", hook.pk, why)
    proved = EmailAddress.objects.filter(user=hook.owner_id, verified=True).order_by("-primary").first()
    if proved is not None:
        here = settings.SITE_URL + hook.get_absolute_url()
        text = f"The webhook to\n{hook.url}\nwas disabled. {why}\n\nIts log, and how to enable it again:\n{here}\n"
        outbox.write("webhook_disabled", proved.email, "[unmigratable] A webhook was disabled", text)
