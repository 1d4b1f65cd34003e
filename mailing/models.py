"""Who wants to be told of what by mail, and what each of them is told: the outbox, a row for each person and event."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Document
from people.models import Event


class Cadence(models.TextChoices):
    AT_ONCE = "at_once", "at once"
    DAILY = "daily", "daily"
    WEEKLY = "weekly", "weekly"
    OFF = "off", "off"


class Kind(models.TextChoices):
    CASE = "case"
    STRATEGY = "strategy"
    SUBSYSTEM = "subsystem"
    KERNEL = "kernel"
    MACHINE = "machine"
    UNMATCHED = "unmatched"


class Follow(models.Model):
    """Somebody wants mail of one thing. A case and a strategy are known by `document`, the others by `name`.

    `off` is kept: who turned a case off gets nothing of it, whatever else they follow.
    """

    MOST_A_PERSON = 200

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="follows", db_index=False)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    name = models.CharField(max_length=130, blank=True)
    document = models.ForeignKey(Document, null=True, on_delete=models.CASCADE, related_name="+", db_index=False)
    cadence = models.CharField(max_length=7, choices=Cadence.choices, default=Cadence.AT_ONCE)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "name", "document"], name="follow_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(cadence__in=Cadence.values), name="follow_cadence_known"),
            models.CheckConstraint(
                condition=Q(kind__in=["case", "strategy"], name="", document__isnull=False)
                | Q(kind__in=["subsystem", "kernel", "machine", "unmatched"], document=None),
                name="follow_of_one_thing",
            ),
        ]
        indexes = [  # by person at the end: followers are told in the order of their ids, slice by slice
            models.Index(fields=["document", "user"], name="follow_document", condition=Q(document__isnull=False)),
            models.Index(fields=["kind", "name", "user"], name="follow_name", condition=Q(document=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.document.slug if self.document else self.name}".strip()


class Notice(models.Model):
    """What one person is told of one matter: a comment, or any other line of the journal.

    `follow` is why; None where the person is named in a comment. Rows that go out in one mail share `mail`. A row is
    `sending` before its mail is handed over: who dies with it leaves it `in_doubt`, which nobody sends by itself.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENDING = "sending", "being sent"
        SENT = "sent", "sent"
        IN_DOUBT = "in_doubt", "in doubt"
        GIVEN_UP = "given_up", "given up"
        DROPPED = "dropped", "dropped"

    SETTLED = (State.SENT, State.IN_DOUBT, State.GIVEN_UP, State.DROPPED)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+")
    topic = models.CharField(max_length=40)
    follow = models.ForeignKey(Follow, null=True, on_delete=models.SET_NULL, related_name="+")
    was_named = models.BooleanField(default=False)
    in_digest = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    mail = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    came_back_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="notice_of_a_topic_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sending"], settled_at=None)
                | Q(state__in=["sent", "in_doubt", "given_up", "dropped"], settled_at__isnull=False),
                name="notice_settled_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "sent", "in_doubt"]) | Q(mail__isnull=False),
                name="notice_sent_in_a_mail",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="notice_due_next", condition=Q(state="waiting")),
            models.Index(fields=["user", "due_at"], name="notice_due_to", condition=Q(state="waiting")),
            models.Index(fields=["id"], name="notice_open", condition=Q(state__in=["sending", "in_doubt"])),
            models.Index(fields=["user", "tried_at"], name="notice_lately", condition=Q(tried_at__isnull=False)),
            models.Index(fields=["settled_at"], name="notice_old", condition=Q(settled_at__isnull=False)),
            models.Index(fields=["mail"], name="notice_of_a_mail", condition=Q(mail__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.topic} to {self.user_id}"


class Trouble(models.Model):
    """Mail to somebody came back. After MOST of them nothing is sent until the person says that it may be again."""

    MOST = 3
    FORGOTTEN_AFTER = timedelta(days=30)  # each within so many days of the one before

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="mail_trouble"
    )
    nr_bounces = models.PositiveIntegerField(default=0)
    bounced_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=300, blank=True)
    paused_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.nr_bounces} to {self.user_id}"


class Reader(models.Model):
    """How far the journal was read: all followers were told of the line at `place`, and of the next one those up to
    `after_user`."""

    place = models.BigIntegerField()
    after_user = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.place} {self.after_user}"
