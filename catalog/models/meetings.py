"""A session that is or was held: its agenda in order, and what was noted of each case."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from catalog.models.cases import Case


class Meeting(models.Model):
    title = models.CharField(max_length=120)
    held_on = models.DateField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.title}, {self.held_on}"

    def get_absolute_url(self) -> str:
        return f"/agenda/{self.pk}/"


class Point(models.Model):
    """One case on the agenda. `nr_changes` tells a form that was opened earlier from one that was not."""

    MAX_CHARACTERS = 4_000

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="points")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="points")
    position = models.PositiveIntegerField()
    decided = models.TextField(blank=True, max_length=MAX_CHARACTERS)
    action = models.TextField(blank=True, max_length=MAX_CHARACTERS)
    who = models.CharField(blank=True, max_length=200)
    nr_changes = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["meeting", "case"], name="point_once"),
            models.UniqueConstraint(
                fields=["meeting", "position"], name="point_position", deferrable=models.Deferrable.DEFERRED
            ),
        ]

    @property
    def is_noted(self) -> bool:
        return bool(self.decided or self.action or self.who)
