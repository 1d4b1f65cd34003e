"""People, their machines and tokens, and the journal that everything else is written down in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from people.statements import prepared


class Role(models.TextChoices):
    """From least to most; each may do what those before it may."""

    READER = "reader"
    CONTRIBUTOR = "contributor"
    EDITOR = "editor"
    MAINTAINER = "maintainer"


# Names of the site's own: its users, in whose name things come in, and what it calls those who left.
OURS = ("shared-by-people", "recorded")
_RESERVED = re.compile(rf"(?:{'|'.join(OURS)}|left-\d+)", re.IGNORECASE)


def is_reserved(name: str) -> bool:
    """Whether nobody may take this name: who had the site's own would own the machines that it trusts."""
    return bool(_RESERVED.fullmatch(name))


# What each role may do beyond the one before it. The only place where a permission is given.
ALLOWED: dict[str, frozenset[str]] = {
    Role.READER: frozenset(),
    Role.CONTRIBUTOR: frozenset({"comment", "propose", "own machines"}),
    Role.EDITOR: frozenset({"edit", "judge", "see drafts", "moderate", "chair", "import mail"}),
    Role.MAINTAINER: frozenset({"manage machines", "reingest", "see raw", "erase", "ban"}),
}
ACTIONS = frozenset().union(*ALLOWED.values())


class User(AbstractUser):
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.CONTRIBUTOR)
    kernel_name = models.CharField(max_length=200, blank=True, help_text="As in Signed-off-by lines.")
    vouched = models.BooleanField(default=True, db_default=True, help_text="False where somebody signed up themselves.")
    mails_mentions = models.BooleanField("mail me where I am named", default=True, db_default=True)

    nr_sessions_ended = models.PositiveIntegerField(default=0, db_default=0)  # how often all of theirs were

    class Meta(AbstractUser.Meta):
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known")]

    def may(self, action: str) -> bool:
        """Whether this person's role allows `action`, one of ACTIONS."""
        return self.is_active and allows(self.role, action)

    def get_session_auth_hash(self) -> str:
        return self._of_now(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return map(self._of_now, super().get_session_auth_fallback_hash())

    def _of_now(self, mark: str) -> str:
        """What a session carries to be one of this person's. Counting up ends all of them, without reading any."""
        return f"{mark}.{self.nr_sessions_ended}" if self.nr_sessions_ended else mark

    @property
    def shown_name(self) -> str:
        """Always with the username, which is nobody else's: a name of one's own choice may be anybody's."""
        return f"{self.kernel_name} ({self.username})" if self.kernel_name else self.username


def allows(role: str, action: str) -> bool:
    if action not in ACTIONS:
        raise ValueError(f"no such action: {action}")
    ranks = list(Role.values)
    return any(action in ALLOWED[lower] for lower in ranks[: ranks.index(role) + 1])


def may(user: Any, action: str) -> bool:
    """The same for whoever made a request: strangers may nothing."""
    return isinstance(user, User) and user.may(action)


class Scope(models.TextChoices):
    SUBMIT = "submit"
    READ = "read"
    CURATE = "curate"
    SUBMIT_FOR = "submit-for"
    MACHINES = "machines"


class Standing(models.TextChoices):
    """Whether what a machine sends counts. Kept and shown it is in any case."""

    NEW = "new"
    TRUSTED = "trusted"
    WITHDRAWN = "withdrawn"


class Machine(models.Model):
    """A worker that sends reports. Its name is public.

    Its evidence with ids above `uncounted_after`, up to `uncounted_until`, is in no tally yet, whatever its standing
    says: counting follows a change of standing in slices. See reports.totals.recounts.
    """

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9._+-]*\Z", "Lower-case letters, digits and . _ + - only.")],
    )
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="machines")
    standing = models.CharField(max_length=10, choices=Standing.choices, default=Standing.NEW)
    created_at = models.DateTimeField(db_default=Now())
    uncounted_after = models.BigIntegerField(null=True, blank=True, editable=False)
    uncounted_until = models.BigIntegerField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(standing__in=Standing.values), name="machine_standing_known"),
            models.CheckConstraint(
                condition=Q(uncounted_after=None, uncounted_until=None)
                | Q(
                    uncounted_after__isnull=False,
                    uncounted_until__isnull=False,
                    uncounted_until__gte=models.F("uncounted_after"),
                ),
                name="machine_uncounted_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/machines/{self.name}/"

    @property
    def is_trusted(self) -> bool:
        return self.standing == Standing.TRUSTED


class TokenQuerySet(models.QuerySet["Token"]):
    def usable(self) -> TokenQuerySet:
        """Neither revoked nor expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)

    def holding(self, secret: str) -> Token | None:
        """The usable token with this secret, with its machine: neither revoked nor expired, and of somebody who still
        takes part. Every request of the API asks it, and composing the query takes longer than asking."""
        with prepared() as cursor:
            cursor.execute(_OPENED_BY, [digest(secret)])
            row = cursor.fetchone()
        if row is None:
            return None
        machine = Machine.from_db("default", _MACHINE, row[len(_TOKEN) : -1])
        token = Token.from_db("default", _TOKEN, row[: len(_TOKEN)])
        token.machine, token.owner_role = machine, row[-1]
        return token


_TOKEN = ("id", "machine_id", "prefix", "digest", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
_MACHINE = ("id", "name", "owner_id", "standing", "created_at")
_OPENED_BY = f"""
SELECT {", ".join(f"t.{name}" for name in _TOKEN)}, {", ".join(f"m.{name}" for name in _MACHINE)}, u.role
FROM people_token t JOIN people_machine m ON m.id = t.machine_id JOIN people_user u ON u.id = m.owner_id
WHERE t.digest = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.is_active
"""  # noqa: S608 - names of ours


def digest(secret: str) -> str:
    """Secrets are 32 random bytes, so a plain SHA-256 cannot be searched backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Token(models.Model):
    """A machine's right to act. Only the digest of the secret is kept; `prefix` tells tokens apart for people."""

    USE_NOTED_EVERY = timedelta(minutes=1)
    owner_role: str = Role.READER  # the right one is brought along by `holding`

    machine = models.ForeignKey(Machine, on_delete=models.CASCADE, related_name="tokens")
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope.choices))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(scopes=[]), name="token_has_a_scope")]

    def note_use(self, now: datetime) -> None:
        """At most one write a minute, so that a busy machine's token is no hot row."""
        if self.last_used_at is None or now - self.last_used_at > self.USE_NOTED_EVERY:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)


class Event(models.Model):
    """One line of the journal. Rows are only ever added; a trigger refuses anything else, but for `place`, once.

    `place` is where followers find it, given after it is committed: see journal_cursor. `once` names what can happen
    but once, whoever tells of it at the same time. `transaction` is the id of the transaction that wrote the row, by
    which followers went until November 2026; the release before reads it.
    """

    at = models.DateTimeField(db_default=Now())
    verb = models.CharField(max_length=40)
    actor = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="events")
    subject_kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=150)
    data = models.JSONField(default=dict)
    transaction = models.BigIntegerField(
        db_default=models.Func(template="pg_current_xact_id()::text::bigint", output_field=models.BigIntegerField())
    )

    place = models.BigIntegerField(null=True, unique=True)
    once = models.CharField(max_length=200, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["once"], name="event_once", condition=Q(once__isnull=False))]
        indexes = [
            models.Index(fields=["transaction", "id"], name="event_follow"),
            models.Index(fields=["id"], name="event_without_place", condition=Q(place=None)),
            models.Index(fields=["subject_kind", "subject", "-id"], name="event_subject"),
            GinIndex(fields=["data"], opclasses=["jsonb_path_ops"], name="event_data"),
        ]


class Letter(models.Model):
    """One mail to one address, until it is sent. Its text goes with that: it may hold a link that signs somebody in."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up"

    kind = models.CharField(max_length=40)
    to = models.CharField(max_length=254)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=["waiting", "sent", "given_up"]), name="letter_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", settled_at=None)
                | Q(state__in=["sent", "given_up"], settled_at__isnull=False, body=""),
                name="letter_text_until_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], name="letter_due", condition=Q(state="waiting")),
            models.Index(fields=["to", "created_at"], name="letter_lately"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
