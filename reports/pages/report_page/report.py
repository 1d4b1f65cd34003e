"""One report in the browser: its way, what it says, what that was attached to, and its raw bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from diagnosis.formats import console, envelope, ktap, ltp
from people.access.person import demand
from people.models import may
from reports.diagnose import reading
from reports.diagnose.annotated_log import Gap, ShownLine
from reports.intake import inbox, receipts
from reports.intake.formats import registry
from reports.models import Evidence, Judgment, Observation, Report, State, may_see_raw
from reports.pages.report_page import runs
from reports.review.forms import VerdictForm
from reports.worker import evidence as attaching
from reports.worker import replay
from rest.bounds import bounded

OBSERVED = 500
LOGS = (console.FORMAT.name, ktap.FORMAT.name, ltp.FORMAT.name)  # in which a kernel's log may stand


@dataclass(frozen=True)
class Attached:
    row: Evidence
    judgment: Judgment | None
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
        "runs": runs.table(_told(request, row, sent), sent.runs) if sent else None,
        "notes": receipts.notes(row) if row.state == State.SETTLED else [],
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
    """None where it takes too long to read. That is remembered too, for a few reports: a large one takes seconds."""
    try:
        return bounded.call(reading.scrubbed, body, nr_bytes=len(body))
    except bounded.TooLong:
        return None


def _log(row: Report) -> list[ShownLine | Gap]:
    """The lines of a kernel's log that say something, scrubbed, with what was read in them."""
    if row.format not in LOGS or row.state != State.SETTLED or not hasattr(row, "payload"):
        return []
    return _marked(inbox.unpacked(row.payload))


@lru_cache(maxsize=8)
def _marked(body: bytes) -> list[ShownLine | Gap]:
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
    judgments = {(v.key, v.case_id): v for v in row.judgments.select_related("person")}
    attached: dict[str, list[Attached]] = {}
    may_judge = may(request.user, "judge")
    for one in (
        Evidence.objects.visible_to(request.user).filter(report=row).select_related("case").order_by("case__slug")
    ):
        judgment = judgments.get((one.key, one.case_id))
        form = VerdictForm(auto_id=False, initial={"key": one.key, "case": one.case.slug}) if may_judge else None
        attached.setdefault(one.key, []).append(Attached(one, judgment, form))
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
    person = demand(request, "judge", "Judging evidence is for editors.")
    form = VerdictForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        row = get_object_or_404(Evidence, report=report, key=given["key"], case__slug=given["case"])
        attaching.judge(row.report, row.key, row.case, person, given["word"] == "stands", given["note"])
        messages.success(request, "Judgement saved. The totals of the case follow.")
    else:
        messages.error(request, "; ".join(str(fault) for faults in form.errors.values() for fault in faults))
    return redirect("report", report)
