"""Which lines of the journal somebody may read, and which they ask for: one rule for API, feeds, hooks and mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from catalog.models import Case, KernelBuild, Strategy
from diagnosis.kernels import releases
from people import journal
from people.models import Event, may

# Of what is not said about a case, a strategy or a build, what is everybody's to know.
PUBLIC = (
    *("machine.added", "machine.trusted", "machine.withdrawn", "machine.new"),
    *("evidence.judged", "reports.replayed", "report.erased"),
)


def visible_to(user: Any) -> QuerySet[Event]:
    """Maintainers see all; others what concerns cases, strategies and builds that they see, and what is PUBLIC."""
    if may(user, "manage machines"):
        return Event.objects.all()
    cases = Case.objects.visible_to(user).values("slug")
    strategies = Strategy.objects.visible_to(user).values("slug")
    builds = KernelBuild.objects.visible_to(user).values("pk")
    about = Cast(KeyTextTransform("build", "data"), BigIntegerField())
    return Event.objects.alias(about_build=about).filter(
        Q(verb__in=PUBLIC)
        | Q(subject_kind="case", subject__in=cases)
        | Q(subject_kind="strategy", subject__in=strategies)
        | Q(subject_kind="build", about_build__in=builds)
    )


def data_of(event: Event) -> dict[str, Any]:
    """What a line says beside its subject, as far as it is for everybody: what was measured."""
    if event.verb not in journal.NEWS:
        return {}
    return {name: value for name, value in event.data.items() if name != "build"}


@dataclass(frozen=True)
class Pick:
    """All that is said must hold; '' and () say nothing. `kernel`: a line such as 6.18, or a release."""

    verbs: tuple[str, ...] = ()
    case: str = ""
    kernel: str = ""
    machine: str = ""

    @property
    def says_something(self) -> bool:
        return bool(self.verbs or self.case or self.kernel or self.machine)

    def rows(self, events: QuerySet[Event]) -> QuerySet[Event]:
        if self.verbs:
            events = events.filter(verb__in=self.verbs)
        if self.case:
            events = events.filter(_subject("case", self.case) | Q(data__contains={"case": self.case}))
        if self.kernel:
            on = Q(data__contains={"line": self.kernel})
            for release in self._releases:
                on |= Q(data__contains={"release": release})
            events = events.filter(on, verb__in=journal.NEWS)
        if self.machine:
            events = events.filter(_subject("machine", self.machine) | Q(data__contains={"machine": self.machine}))
        return events

    def admits(self, event: Event) -> bool:
        """As `rows` selects it, of a line at hand."""
        said = event.data
        return (
            (not self.verbs or event.verb in self.verbs)
            and (not self.case or _is_of(event, "case", self.case))
            and (not self.machine or _is_of(event, "machine", self.machine))
            and (
                not self.kernel
                or (
                    event.verb in journal.NEWS
                    and (said.get("line") == self.kernel or said.get("release") in self._releases)
                )
            )
        )

    @property
    def _releases(self) -> set[str]:
        """A kernel by whatever name, as in the lists of reports."""
        return {self.kernel, releases.identity(self.kernel)}


def _subject(kind: str, name: str) -> Q:
    return Q(subject_kind=kind, subject=name)


def _is_of(event: Event, kind: str, name: str) -> bool:
    return (event.subject_kind, event.subject) == (kind, name) or event.data.get(kind) == name
