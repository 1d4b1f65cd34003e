"""The ledger in the browser, one report's way, the latest evidence of a case, and the probe to download."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import condition, require_POST

from catalog.models import Case, Document
from catalog.pages.sections import Part
from diagnosis.formats import envelope, kernel_log, registry
from diagnosis.words.vocabulary import Word
from people.models import User, may
from reports.diagnose import reading
from reports.diagnose.annotated_log import Gap, Line
from reports.intake import inbox
from reports.intake.refusals import KINDS
from reports.models import Evidence, Observation, Report, State, Verdict, may_see_raw
from reports.pages import filters, operations, probe_download
from reports.pages.ledger import ledger
from reports.review.forms import VerdictForm
from reports.totals import counters
from reports.worker import evidence as attaching
from reports.worker import replay, requeue
from rest.bounds import bounded

LATEST = 8
LOOKED_THROUGH = 24
OBSERVED = 500


def reports(request: HttpRequest) -> HttpResponse:
    pick = filters.read(request.GET)
    pages = Paginator(pick.rows(Case.objects.visible_to(request.user, proposals=True)).newest(), 50)
    if pick.is_of_state_alone:  # known already: counting a million rows touches every one
        known = counters.by_state()
        pages.count = known[pick.state] if pick.state else sum(known.values())
    rows = pages.get_page(request.GET.get("page"))
    may_replay = may(request.user, "reingest")
    page = {
        "rows": rows,
        "lines": _rows(list(rows), request.user),
        "ledger": ledger(),
        "pick": pick,
        "formats": registry.FORMATS.values(),
        "states": State.values,
        "may_replay": may_replay,
        "nr_to_queue": requeue.nr_left_of_all() if may_replay else 0,
        "may_judge": may(request.user, "judge"),
        "here": "reports",
    }
    return render(request, "reports/reports.html", page)


@dataclass(frozen=True)
class Row:
    """A row of the ledger: the report, the kernels that it was measured on, and the cases that it speaks of."""

    report: Report
    kernels: list[str]
    cases: list[str]


def _rows(rows: list[Report], user: Any) -> list[Row]:
    """One query for all of them."""
    evidence = Evidence.objects.visible_to(user).filter(report__in=[row.pk for row in rows]).order_by()
    said = set(evidence.values_list("report", "build__release", "build__label", "case__slug").distinct())
    kernels: dict[UUID, set[str]] = defaultdict(set)
    cases: dict[UUID, set[str]] = defaultdict(set)
    for report, release, label, case in said:
        kernels[report].add(f"{release} + {label}" if label else release)
        cases[report].add(case)
    return [Row(row, sorted(kernels[row.pk]), sorted(cases[row.pk])) for row in rows]


@dataclass(frozen=True)
class Attached:
    row: Evidence
    verdict: Verdict | None
    form: VerdictForm | None


@dataclass(frozen=True)
class Told:
    """One run of a report: as it was sent, scrubbed, and what it was attached to."""

    run: envelope.Run
    vmstat: list[tuple[str, int]]
    evidence: list[Attached]


def report(request: HttpRequest, report: UUID) -> HttpResponse:
    row = get_object_or_404(Report.objects.select_related("machine__owner", "payload"), pk=report)
    sent = _sent(row)
    page = {
        "report": row,
        "sent": sent,
        "kernel_facts": sorted(sent.kernel.config.items()) + sorted(sent.kernel.sysctl.items()) if sent else [],
        "told": _told(request, row, sent) if sent else [],
        "format": registry.FORMATS.get(row.format),
        "observed": _observed(request, row) if not sent else [],
        "log": _log(row),
        "may_see_raw": may_see_raw(request.user, row),
        "may_see_ours": may(request.user, "see raw"),
        "may_replay": may(request.user, "reingest") and row.state in replay.REPLAYABLE and hasattr(row, "payload"),
        "may_erase": may(request.user, "erase") and row.state != State.ERASED,
        "here": "reports",
    }
    return render(request, "reports/report.html", page)


def _sent(row: Report) -> envelope.Envelope | None:
    """What the stored bytes say, scrubbed a second time: the sender's own scrubbing is not relied on."""
    if row.format != envelope.NAME or row.state in (State.REJECTED, State.FAILED) or not hasattr(row, "payload"):
        return None
    return _scrubbed(inbox.unpacked(row.payload))


@lru_cache(maxsize=8)
def _scrubbed(body: bytes) -> envelope.Envelope | None:
    """Kept for a few reports: a large one takes a second or two. Also that one takes too long, and is not shown."""
    try:
        return bounded.call(reading.scrubbed, body, nr_bytes=len(body))
    except bounded.TooLong:
        return None


def _log(row: Report) -> list[Line | Gap]:
    """Of a kernel log: the lines that say something, scrubbed, with what was read in them."""
    if row.format != kernel_log.FORMAT.name or row.state != State.SETTLED or not hasattr(row, "payload"):
        return []
    return _marked(inbox.unpacked(row.payload))


@lru_cache(maxsize=8)
def _marked(body: bytes) -> list[Line | Gap]:
    try:
        return bounded.call(reading.marked_log, body, nr_bytes=len(body))
    except bounded.TooLong:
        return []


def _told(request: HttpRequest, row: Report, sent: envelope.Envelope) -> list[Told]:
    attached = _attached(request, row)
    return [Told(run, sorted(run.sent.get("vmstat", {}).items()), attached.get(run.key, [])) for run in sent.runs]


@dataclass(frozen=True)
class Observed:
    """One observation of a report in another format than ours, and what it was attached to."""

    row: Observation
    evidence: list[Attached]


def _observed(request: HttpRequest, row: Report) -> list[Observed]:
    attached = _attached(request, row)
    rows = row.observations.select_related("build").order_by("pk")[:OBSERVED]
    return [Observed(one, attached.get(one.key, [])) for one in rows]


def _attached(request: HttpRequest, row: Report) -> dict[str, list[Attached]]:
    """What each observation, by its key, was attached to."""
    verdicts = {(v.key, v.case_id): v for v in row.verdicts.select_related("person")}
    attached: dict[str, list[Attached]] = {}
    may_judge = may(request.user, "judge")
    for one in (
        Evidence.objects.visible_to(request.user).filter(report=row).select_related("case").order_by("case__slug")
    ):
        verdict = verdicts.get((one.key, one.case_id))
        form = VerdictForm(auto_id=False, initial={"key": one.key, "case": one.case.slug}) if may_judge else None
        attached.setdefault(one.key, []).append(Attached(one, verdict, form))
    return attached


def raw(request: HttpRequest, report: UUID) -> HttpResponse:
    """The bytes as they were sent, for their sender and for maintainers."""
    row = get_object_or_404(Report.objects.select_related("machine", "payload"), pk=report)
    if not may_see_raw(request.user, row):
        raise PermissionDenied("The raw report is for its sender and for maintainers.")
    if not hasattr(row, "payload"):
        raise Http404("Its bytes were not kept.")
    suffix = registry.FORMATS[row.format].suffix if row.format in registry.FORMATS else ".bin"
    answer = HttpResponse(inbox.unpacked(row.payload), content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{row.pk}{suffix}"'
    return answer


@require_POST
@login_required
def judge(request: HttpRequest, report: UUID) -> HttpResponse:
    if not may(request.user, "judge"):
        raise PermissionDenied("Judging evidence is for editors.")
    assert isinstance(request.user, User)
    form = VerdictForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        row = get_object_or_404(Evidence, report=report, key=given["key"], case__slug=given["case"])
        attaching.judge(row.report, row.key, row.case, request.user, given["word"] == "stands", given["note"])
        messages.success(request, "Noted.")
    else:
        messages.error(request, "; ".join(str(fault) for faults in form.errors.values() for fault in faults))
    return redirect("report", report)


def evidence_part(request: HttpRequest, document: Document) -> Part | None:
    """For catalog.pages.sections: the latest reports of a case, one line each, by what the latest evidence says."""
    if document.kind != "case":
        return None
    found = Evidence.objects.visible_to(request.user).filter(case=document.pk).order_by("-seen_at", "-id")
    rows = list(found.select_related("build", "machine")[:LOOKED_THROUGH])
    said: dict[UUID, Latest] = {}
    for row in rows:
        said.setdefault(row.report_id, Latest(row)).add(row)
    if len(rows) == LOOKED_THROUGH and len(said) > 1:
        said.popitem()  # may have more to say than was looked at
    shown = dict(list(said.items())[:LATEST])
    recorded = Report.objects.filter(pk__in=shown, recorded_at__isnull=False).values_list("pk", flat=True)
    return Part("reports/latest.html", {"rows": list(shown.values()), "recorded": set(recorded)})


@dataclass(frozen=True)
class Latest:
    """One report, and each mover and outcome that it speaks of once."""

    first: Evidence
    said: dict[str, dict[str, Word]] = field(default_factory=dict)

    def add(self, row: Evidence) -> None:
        self.said.setdefault(row.mover_word.label, {})[row.outcome] = row.outcome_word


def operations_part(request: HttpRequest, document: Document) -> Part | None:
    """Whether blocks went offline and allocations succeeded, before, while and after the hold."""
    if document.kind != "case":
        return None
    return Part("reports/operations.html", {"rows": operations.of_case(document.pk, request.user)})


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


def _probe_etag(request: HttpRequest, *args: Any) -> str:
    return f'"{probe_download.built().sha256}"'


@condition(etag_func=_probe_etag)
def probe_pyz(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(probe_download.built().body, content_type="application/zip")
    answer["Content-Disposition"] = 'attachment; filename="probe.pyz"'
    answer["X-Checksum-Sha256"] = probe_download.built().sha256
    return answer


def probe_sha256(request: HttpRequest) -> HttpResponse:
    """In the form that `sha256sum --check` reads."""
    return HttpResponse(f"{probe_download.built().sha256}  probe.pyz\n", content_type="text/plain; charset=utf-8")


def problems(request: HttpRequest) -> HttpResponse:
    return render(request, "reports/problems.html", {"kinds": KINDS.items(), "here": "api"})
