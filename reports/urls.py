"""Reports, machines, what is measured and diagnosed."""

from __future__ import annotations

from django.urls import path

from diagnosis.formats import envelope
from reports.diagnose import api as diagnose_api
from reports.diagnose import kept_views, share_views
from reports.diagnose import views as diagnose_views
from reports.intake import api as intake_api
from reports.intake.formats import registry
from reports.machines import api as machines_api
from reports.machines import keeping_api
from reports.machines import views as machines_views
from reports.pages import (
    events_api,
    evidence_api,
    first_report,
    reports,
    reports_api,
)
from reports.pages.drawings import grid
from reports.pages.exporting import exports
from reports.pages.probe import probe_views
from reports.pages.report_page import report
from reports.review import requeue_views, triage_views, workbench_views
from rest.bounds.limits import spent_by_post

urlpatterns = [
    path("api/v1/reports/", reports_api.ReportsView.as_view(), name="api-reports"),
    path("api/v1/batch/", intake_api.BatchView.as_view(is_lines=True), name="api-batch"),
    path("api/v1/reports/batch/", intake_api.BatchView.as_view(), name="api-reports-batch"),
    *(
        path(f"api/v1/reports/{name}/", reports_api.at_own_address(one).as_view(), name=f"api-reports-{name}")
        for name, one in registry.FORMATS.items()
        if one is not envelope.FORMAT
    ),
    path("diagnose/", spent_by_post("diagnose")(diagnose_views.diagnose), name="diagnose"),
    path("diagnose/share/", spent_by_post("diagnose")(share_views.share), name="share"),
    path("diagnose/keep/", spent_by_post("diagnose")(kept_views.keep), name="keep"),
    path("diagnose/kept/<uuid:kept>/", kept_views.kept, name="kept"),
    path("diagnose/kept/<uuid:kept>/delete", kept_views.delete, name="kept-delete"),
    path("shared/<uuid:shared>/", share_views.shared, name="shared"),
    path("shared/<uuid:shared>/decide", share_views.decide, name="shared-decide"),
    path("cases/<slug:slug>/signature/", workbench_views.signature, name="signature"),
    path("reports/shared/", share_views.queue, name="shared-queue"),
    path("machines/", machines_views.machines, name="machines"),
    path("machines/<str:name>/", machines_views.machine, name="machine"),
    path("machines/<str:name>/token", machines_views.token, name="machine-token"),
    path("machines/<str:name>/standing", machines_views.standing, name="machine-standing"),
    path("reports/", reports.reports, name="reports"),
    path("reports/grid.json", grid.as_json, name="reports-grid"),
    path("first-report/", first_report.first_report, name="first-report"),
    path("reports/<uuid:report>/", report.report, name="report"),
    path("reports/again", requeue_views.again, name="reports-again"),
    path("reports/<uuid:report>/erase", requeue_views.erase, name="report-erase"),
    path("reports/<uuid:report>/raw", report.raw, name="report-raw"),
    path("reports/<uuid:report>/verdict", report.judge, name="judge"),
    path("reports/unmatched/", triage_views.unmatched, name="unmatched"),
    path("reports/unmatched/<slug:fingerprint>/", triage_views.group, name="group"),
    path("reports/unmatched/<slug:fingerprint>/rule", triage_views.rule, name="rule"),
    path("reports/unmatched/<slug:fingerprint>/draft", triage_views.promote, name="promote"),
    path("probe.pyz", probe_views.probe_pyz, name="probe"),
    path("probe.pyz.sha256", probe_views.probe_sha256, name="probe-sha256"),
    path("problems/", reports.problems, name="problems"),
    path("api/v1/events/", events_api.EventsView.as_view(), name="api-events"),
    path("api/v1/whoami/", machines_api.WhoAmIView.as_view(), name="api-whoami"),
    path("api/v1/machines/", keeping_api.MachinesView.as_view(), name="api-machines"),
    path("api/v1/machines/<str:name>/", keeping_api.MachineView.as_view(), name="api-machine"),
    path("api/v1/machines/<str:name>/tokens/", keeping_api.TokensView.as_view(), name="api-tokens"),
    path("api/v1/machines/<str:name>/tokens/<int:token>/", keeping_api.TokenView.as_view(), name="api-token"),
    path("api/v1/machines/<str:name>/tokens/<int:token>/revoke/", keeping_api.RevokeView.as_view(), name="api-revoke"),
    path("api/v1/machines/<str:name>/tokens/<int:token>/rotate/", keeping_api.RotateView.as_view(), name="api-rotate"),
    path("api/v1/reports/<uuid:report>/", reports_api.ReportView.as_view(), name="api-report"),
    path("schemas/unmigratable-report-1.json", intake_api.report_schema, name="report-schema"),
    path("api/v1/diagnose/", diagnose_api.DiagnoseView.as_view(), name="api-diagnose"),
    path("api/v1/cases/<slug:slug>/evidence/", evidence_api.CaseEvidenceView.as_view(), name="api-case-evidence"),
    *(path(f"export/{name}", view, name=f"export-{name}") for name, view in exports.VIEWS.items()),
]
