"""Where somebody wants to be told of news, and each message to there: the log, and what is still to be sent."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from catalog.pages.events import Pick
from people.models import Event


class Hook(models.Model):
    """An address, what is sent there, and the secret that signs it.

    The secret is kept, since it signs; it is shown once. After a rotation the one before signs too, until it expires.
    `busy_until` is the lease of whoever sends to it now: one message at a time, however many processes send.
    `nr_skipped`: lines of the journal that were not kept for it, since too many waited.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="hooks")
    url = models.CharField(max_length=300)
    verbs = ArrayField(models.CharField(max_length=40))
    case = models.CharField(max_length=64, blank=True)
    kernel = models.CharField(max_length=130, blank=True)
    machine = models.CharField(max_length=64, blank=True)
    secret = models.CharField(max_length=80)
    secret_before = models.CharField(max_length=80, blank=True)
    secret_before_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    after_place = models.BigIntegerField()
    disabled_at = models.DateTimeField(null=True)
    disabled_why = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True)
    nr_failed = models.PositiveIntegerField(default=0)
    nr_skipped = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    busy_until = models.DateTimeField(null=True)

    MOST_A_PERSON = 10
    MOST_WAITING = 1_000
    OVERLAP = timedelta(days=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(verbs=[]), name="hook_has_a_verb"),
            models.CheckConstraint(
                condition=Q(disabled_at=None, disabled_why="") | Q(disabled_at__isnull=False) & ~Q(disabled_why=""),
                name="hook_disabled_why",
            ),
        ]
        indexes = [models.Index(fields=["next_at"], name="hook_due", condition=Q(disabled_at=None))]

    def __str__(self) -> str:
        return self.url

    def get_absolute_url(self) -> str:
        return reverse("webhook", args=[self.pk])

    @property
    def pick(self) -> Pick:
        return Pick(tuple(self.verbs), self.case, self.kernel, self.machine)


class Delivery(models.Model):
    """One message to one hook. Its id is the `webhook-id`, the same however often it is sent.

    `event` is None for a test. `answer` is what came of the last try, `status` the code that the receiver gave.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        GIVEN_UP = "given_up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=40)
    body = models.TextField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    next_try_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=200, blank=True)
    seconds = models.FloatField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["hook", "event"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at=None)
                | Q(state__in=["delivered", "given_up"], settled_at__isnull=False),
                name="delivery_settled_when",
            ),
        ]
        indexes = [
            models.Index(fields=["hook", "next_try_at"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["hook", "-created_at"], name="delivery_newest"),
            models.Index(fields=["created_at"], name="delivery_old"),
        ]

    def __str__(self) -> str:
        return f"msg_{self.pk.hex}"

    @property
    def message_id(self) -> str:
        return f"msg_{self.pk.hex}"

    @property
    def shown_body(self) -> str:
        return json.dumps(json.loads(self.body), indent=2)


class Reader(models.Model):
    """How far the journal was read: the place of the last line that became messages."""

    place = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.place)
