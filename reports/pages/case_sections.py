"""What reports put onto the page of a case: latest evidence, operations, how to reproduce it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest

from catalog.models import Document
from catalog.pages.sections import Part
from diagnosis.words.vocabulary import Word
from reports.models import Evidence
from reports.pages import operations
from reports.pages.drawings import over_time
from reports.pages.probe import probe_download

LATEST = 8
RECORDED = ExpressionWrapper(Q(report__recorded_at__isnull=False), BooleanField())

LOOKED_THROUGH = 24


def evidence_part(request: HttpRequest, document: Document) -> Part | None:
    """For catalog.pages.sections: the latest reports of a case, one line each, by what the latest evidence says."""
    if document.kind != "case":
        return None
    found = Evidence.objects.visible_to(request.user).filter(case=document.pk).order_by("-seen_at", "-id")
    rows = list(found.select_related("build", "machine").annotate(is_recorded=RECORDED)[:LOOKED_THROUGH])
    said: dict[UUID, Latest] = {}
    for row in rows:
        said.setdefault(row.report_id, Latest(row)).add(row)
    if len(rows) == LOOKED_THROUGH and len(said) > 1:
        said.popitem()  # may have more to say than was looked at
    shown = list(said.values())[:LATEST]
    return Part("reports/latest.html", {"rows": shown}, "evidence") if shown else None


@dataclass(frozen=True)
class Latest:
    """One report, and each mover and outcome that it speaks of once."""

    first: Evidence
    said: dict[str, dict[str, Word]] = field(default_factory=dict)

    def add(self, row: Evidence) -> None:
        self.said.setdefault(row.mover_word.label, {})[row.outcome] = row.outcome_word


def over_time_part(request: HttpRequest, document: Document) -> Part | None:
    """For catalog.pages.sections: when the newest runs of a case were seen, drawn."""
    if document.kind != "case":
        return None
    counted = Evidence.objects.visible_to(request.user).filter(case=document.pk).counted()
    newest = counted.order_by("-seen_at", "-id").values_list(
        "seen_at", "build__release", "build__label", "mover", "outcome"
    )
    drawn = over_time.over_time(newest[: over_time.NEWEST + 1])
    return Part("reports/over_time.html", {"drawn": drawn, "slug": document.slug}, "evidence") if drawn else None


def operations_part(request: HttpRequest, document: Document) -> Part | None:
    """Whether blocks went offline and allocations succeeded, before, while and after the hold."""
    if document.kind != "case":
        return None
    rows = operations.of_case(document.pk, request.user)
    return Part("reports/operations.html", {"rows": rows}, "evidence") if rows else None


def reproducer_part(request: HttpRequest, document: Document) -> Part | None:
    """For catalog.pages.sections: what the probe of a case does and risks, and the one command."""
    case = probe_download.CASES.get(document.case.probe) if document.kind == "case" else None
    if case is None:
        return None
    return Part(
        "reports/reproducer.html",
        {"case": case, "probe": probe_download.built(), "site_url": settings.SITE_URL},
        "reproduce",
    )
