"""Which reports are meant: the same words on the page, in the API, in an export and on the command line.

`Pick.base` is what one index gives in order; `Pick.kept` is tried on its rows, one by one. A list walks so many of them
for a page and no more, whatever is asked of a million reports.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from django.db.models import OuterRef, QuerySet, Subquery

from catalog.models import Case, KernelBuild
from catalog.models.cases import CaseQuerySet
from diagnosis.kernels import releases
from diagnosis.words.vocabulary import OUTCOMES
from people.models import Machine
from reports.intake.formats import registry
from reports.models import Evidence, Observation, Report, State
from rest.parameters import Wrong

FEW = 1_000  # observations of a kernel, or evidence of a case, of which all reports are looked at at once
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+ -]\d\d:\d\d)?)?")


def _one_of(words: Any) -> tuple[re.Pattern[str], str]:
    return re.compile("|".join(map(re.escape, words))), "one of " + ", ".join(words)


# Name: what it has to match, and how that is said.
WORDS: dict[str, tuple[re.Pattern[str], str]] = {
    "state": _one_of(State.values),
    "format": _one_of(registry.FORMATS),
    "since": (_TIME, "a day or a time, such as 2026-11-22 or 2026-11-22T20:15:00Z"),
    "case": (re.compile(r"[a-z0-9][a-z0-9-]{0,63}"), "the slug of a case"),
    "machine": (re.compile(r"[a-z0-9][a-z0-9._+-]{0,63}"), "the name of a machine"),
    "run_id": (re.compile(r"[A-Za-z0-9._:-]{8,100}"), "8 to 100 letters, digits and . _ : -"),
    "kernel": (re.compile(r"[\x21-\x7e]{1,120}"), "what `uname -r` prints, up to 120 characters"),
    "label": (re.compile(r"[^\x00-\x1f\x7f]{1,80}"), "up to 80 characters"),
    "outcome": _one_of(OUTCOMES),
}


@dataclass(frozen=True)
class Pick:
    """All that is said must hold; '' says nothing. `kernel`, `label`, `case` and `outcome` must hold of one result."""

    state: str = ""
    format: str = ""
    since: str = ""
    case: str = ""
    machine: str = ""
    run_id: str = ""
    kernel: str = ""
    label: str = ""
    outcome: str = ""

    @property
    def said(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def says_something(self) -> bool:
        return bool(self.said)

    @property
    def is_of_state_alone(self) -> bool:
        return self.said.keys() <= {"state"}

    @property
    def address(self) -> str:
        return urlencode(self.said)

    @property
    def since_at(self) -> datetime | None:
        return moment(self.since) if self.since else None

    def rows(self, cases: CaseQuerySet) -> QuerySet[Report]:
        """All of them. `cases`: those that whoever asks may know of; to belong to any other is to belong to none."""
        return self.kept(self.base(cases), cases)

    def base(self, cases: CaseQuerySet) -> QuerySet[Report]:
        """The reports of the narrowest index that serves what is said, in the order of `received_at`."""
        rows = Report.objects.filter(received_at__gte=self.since_at) if self.since else Report.objects.all()
        if self.run_id:  # no index begins with it: one look for each machine
            machines = Machine.objects.filter(name=self.machine) if self.machine else Machine.objects.all()
            return rows.filter(machine__in=list(machines.values_list("pk", flat=True)), run_id=self.run_id)
        if (few := self._few(cases)) is not None:
            return rows.filter(pk__in=few)
        if self.machine:
            return rows.filter(machine__in=list(Machine.objects.filter(name=self.machine).values_list("pk", flat=True)))
        return rows.filter(state=self.state) if self.state else rows

    def kept(self, rows: QuerySet[Report], cases: CaseQuerySet) -> QuerySet[Report]:
        """Of `rows` those of which all that is said holds."""
        if self.state:
            rows = rows.filter(state=self.state)
        if self.format:
            rows = rows.filter(format=self.format)
        if self.machine:
            rows = rows.filter(machine__name=self.machine)
        if self.run_id:
            rows = rows.exclude(state=State.ERASED)  # of which it is told nowhere
        if self.kernel or self.label or self.case or self.outcome:
            # LIMIT keeps it a look into one index for each row: EXISTS may be turned into a join with the whole table.
            results = self.results(cases).filter(report=OuterRef("pk")).values("pk")[:1]
            rows = rows.alias(hit=Subquery(results)).filter(hit__isnull=False)
        return rows

    def results(self, cases: CaseQuerySet) -> QuerySet[Any]:
        """Of which all that is said of results holds: evidence, or observations where no case of `cases` is meant."""
        case = _in_catalog(self.case, cases) if self.case else None
        if case:
            rows: QuerySet[Any] = Evidence.objects.filter(case=case)
        else:
            rows = Observation.objects.filter(names=self.case) if self.case else Observation.objects.all()
        if self.kernel or self.label:
            rows = rows.filter(build__in=self.builds())
        return rows.filter(outcome=self.outcome) if self.outcome else rows

    def builds(self) -> list[int]:
        """A kernel by whatever name: as it stands, for builds that were not read again yet, or as it prints itself."""
        found = KernelBuild.objects.all()
        if self.kernel:
            found = found.filter(release__in={self.kernel, releases.identity(self.kernel)})
        if self.label:
            found = found.filter(label=self.label)
        return list(found.values_list("pk", flat=True))

    def _few(self, cases: CaseQuerySet) -> set[Any] | None:
        """The reports of a kernel or case of which little is known; None where much is, or neither is said."""
        case = _in_catalog(self.case, cases) if self.case else None
        sources: list[QuerySet[Any]] = []
        if self.kernel or self.label:
            sources.append(Observation.objects.filter(build__in=self.builds()))
        if case:
            sources.append(Evidence.objects.filter(case=case))
        for source in sources:
            found = list(source.order_by().values_list("report", flat=True)[: FEW + 1])
            if len(found) <= FEW:
                return set(found)
        return None


NAMES = tuple(one.name for one in fields(Pick))


def read(given: Mapping[str, Any], blank: bool = True) -> Pick:
    """What an address or a command line says. Raises `Wrong` where that means nothing.

    `blank`: a form sends '' for what nobody chose. To a program it is a variable that was never set.
    """
    words = {}
    for name, (pattern, expected) in WORDS.items():
        text = str(given.get(name) or "")
        if name in ("kernel", "machine"):
            text = text.replace(" ", "+")  # a plus that nobody escaped
        if text or (name in given and not blank):
            if not pattern.fullmatch(text):
                raise Wrong(f"{name}: expected {expected}, found {text[:60]!r}.")
            words[name] = text
    if "since" in words:
        moment(words["since"])
    return Pick(**words)


def moment(text: str) -> datetime:
    """A day is its beginning in UTC, and so is a time that names no zone. Raises `Wrong`."""
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        made = datetime.fromisoformat(text[:16] + text[16:].replace(" ", "+"))
        return (made if made.tzinfo else made.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong(f"since: expected {WORDS['since'][1]}, found {text[:60]!r}.") from None


def _in_catalog(name: str, cases: CaseQuerySet) -> Case | None:
    """A proposal is recognised by no report, so what names it is all there is."""
    case = cases.select_related("document").named(name)
    return case if case and case.document.is_reviewed else None
