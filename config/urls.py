"""Every address of the site."""

from __future__ import annotations

import allauth.account.views
import allauth.mfa.totp.views
from csp.decorators import csp_update
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularJSONAPIView

import catalog.editing.history
import catalog.editing.proposals
import catalog.editing.views
import catalog.measured.affected_views
import catalog.measured.api
import catalog.measured.compare_views
import catalog.measured.kernel_views
import catalog.meetings.views
import catalog.pages.case_api
import catalog.pages.case_list
import catalog.pages.documents
import catalog.pages.feeds
import catalog.pages.method
import catalog.pages.strategy_api
import catalog.pages.subsystems
import catalog.search.views
import discussion.accounts.activity
import discussion.accounts.views
import discussion.comments.api
import discussion.comments.feeds
import discussion.comments.views
import discussion.mail.views
import discussion.moderating.views
import discussion.steering.views
import reports.diagnose.api
import reports.diagnose.share_views
import reports.diagnose.views
import reports.intake.api
import reports.machines.api
import reports.machines.views
import reports.pages.events_api
import reports.pages.exports
import reports.pages.ledger
import reports.pages.views
import reports.review.requeue_views
import reports.review.triage_views
import reports.review.workbench_views
import rest.root
from config.pages import errors, icon, robots, styleguide
from rest.bounds.limits import spent_by_post

# The QR code of a second factor is an image within the page's own text.
with_drawn_code = csp_update({"img-src": ["data:"]})
signing_in = spent_by_post("sign-in")(allauth.account.views.login)

urlpatterns = [
    # First what machines send: a hundred patterns tried before it would be a tenth of the time.
    path("api/v1/reports/", reports.intake.api.ReportsView.as_view(), name="api-reports"),
    path("api/v1/batch/", reports.intake.api.BatchView.as_view(), name="api-batch"),
    path("", catalog.pages.case_list.cases, name="cases"),
    path("search/", catalog.search.views.results, name="search"),
    path("favicon.ico", icon.icon, name="icon"),
    path("robots.txt", robots.robots, name="robots"),
    path("feed.atom", catalog.pages.feeds.everything, name="feed"),
    path("subsystems/", catalog.pages.subsystems.subsystems, name="subsystems"),
    path("subsystems/<slug:slug>/", catalog.pages.subsystems.subsystem, name="subsystem"),
    path("subsystems/<slug:slug>/feed.atom", catalog.pages.feeds.subsystem, name="subsystem-feed"),
    path("cases/<slug:slug>/feed.atom", catalog.pages.feeds.case, name="case-feed"),
    path("cases/new/", catalog.editing.proposals.propose_case, name="propose-case"),
    path("cases/proposed/", catalog.editing.proposals.proposed, name="proposed"),
    *[
        path(f"{folder}/<slug:slug>/{address}/", view, {"kind": kind}, name=f"{kind}-{name}")
        for kind, folder in (("case", "cases"), ("strategy", "strategies"))
        for name, address, view in (
            ("state", "state", catalog.editing.proposals.move),
            ("edit", "edit", catalog.editing.views.edit),
            ("history", "history", catalog.editing.history.history),
            ("diff", "diff", catalog.editing.history.difference),
            ("kept", "kept/<int:pk>", catalog.editing.history.kept),
        )
    ],
    path("cases/<slug:slug>/", catalog.pages.documents.case, name="case"),
    path("cases/<slug:slug>/@<int:n>", catalog.pages.documents.case, name="case-snapshot"),
    path("kernels/", catalog.measured.kernel_views.kernels, name="kernels"),
    path("kernels/<path:release>/", catalog.measured.kernel_views.kernel, name="kernel"),
    path("compare/", catalog.measured.compare_views.compare, name="compare"),
    path("affected/", catalog.measured.affected_views.affected, name="affected"),
    path("affected.txt", catalog.measured.affected_views.affected_text, name="affected-text"),
    path("session/", catalog.meetings.views.session, name="session"),
    path("session.md", catalog.meetings.views.markdown, name="session-markdown"),
    path("session/begin/", catalog.meetings.views.begin, name="meeting-begin"),
    path("session/<int:number>/", catalog.meetings.views.meeting, name="meeting"),
    path("session/<int:number>/minutes.md", catalog.meetings.views.markdown, name="meeting-markdown"),
    path("session/<int:number>/points/<int:point>/", catalog.meetings.views.note, name="meeting-note"),
    path("session/<int:number>/add/", catalog.meetings.views.add, name="meeting-add"),
    path("session/<int:number>/close/", catalog.meetings.views.close, name="meeting-close"),
    path("method/", catalog.pages.method.method, name="method"),
    path("strategies/", catalog.pages.documents.strategies, name="strategies"),
    path("strategies/new/", catalog.editing.proposals.propose_strategy, name="propose-strategy"),
    path("strategies/<slug:slug>/", catalog.pages.documents.strategy, name="strategy"),
    path("strategies/<slug:slug>/@<int:n>", catalog.pages.documents.strategy, name="strategy-snapshot"),
    path("strategies/<slug:slug>/object/", discussion.steering.views.object_, name="object"),
    path("strategies/<slug:slug>/objections/<slug:objection>/", discussion.steering.views.answer, name="answer"),
    path("strategies/<slug:slug>/move/", discussion.steering.views.move, name="move"),
    path("strategies/<slug:slug>/drive/", discussion.steering.views.drive, name="drive"),
    path("cases/<slug:slug>/discussion.atom", discussion.comments.feeds.case, name="case-discussion-feed"),
    path("strategies/<slug:slug>/feed.atom", discussion.comments.feeds.strategy, name="strategy-feed"),
    path("discussion/<int:document>/", discussion.comments.views.say, name="say"),
    path("discussion/<int:document>/lock/", discussion.moderating.views.lock, name="lock"),
    path("c/<int:comment>/", discussion.comments.views.permalink, name="comment"),
    path("c/<int:comment>/history/", discussion.comments.views.history, name="comment-history"),
    path("c/<int:comment>/edit/", discussion.comments.views.edit, name="comment-edit"),
    path("c/<int:comment>/resolve/", discussion.comments.views.resolve, name="comment-resolve"),
    re_path(
        rf"^c/(?P<comment>\d{{1,18}})/(?P<name>{'|'.join(discussion.moderating.views.ACTS)})/$",
        discussion.moderating.views.act,
        name="comment-act",
    ),
    path("mail/import/", discussion.mail.views.import_mail, name="import-mail"),
    path("mail/<path:message_id>/", discussion.mail.views.thread, name="mail"),
    path("moderation/", discussion.moderating.views.queue, name="moderation"),
    path("people/<str:name>/", discussion.accounts.activity.person, name="person"),
    path("diagnose/", spent_by_post("diagnose")(reports.diagnose.views.diagnose), name="diagnose"),
    path("diagnose/share/", spent_by_post("diagnose")(reports.diagnose.share_views.share), name="share"),
    path("shared/<uuid:shared>/", reports.diagnose.share_views.shared, name="shared"),
    path("shared/<uuid:shared>/decide", reports.diagnose.share_views.decide, name="shared-decide"),
    path("cases/<slug:slug>/signature/", reports.review.workbench_views.signature, name="signature"),
    path("reports/shared/", reports.diagnose.share_views.queue, name="shared-queue"),
    path("machines/", reports.machines.views.machines, name="machines"),
    path("machines/<str:name>/", reports.machines.views.machine, name="machine"),
    path("machines/<str:name>/token", reports.machines.views.token, name="machine-token"),
    path("machines/<str:name>/standing", reports.machines.views.standing, name="machine-standing"),
    path("reports/", reports.pages.views.reports, name="reports"),
    path("reports/<uuid:report>/", reports.pages.views.report, name="report"),
    path("reports/again", reports.review.requeue_views.again, name="reports-again"),
    path("reports/<uuid:report>/erase", reports.review.requeue_views.erase, name="report-erase"),
    path("metrics", reports.pages.ledger.metrics, name="metrics"),
    path("reports/<uuid:report>/raw", reports.pages.views.raw, name="report-raw"),
    path("reports/<uuid:report>/verdict", reports.pages.views.judge, name="judge"),
    path("reports/unmatched/", reports.review.triage_views.unmatched, name="unmatched"),
    path("reports/unmatched/<slug:fingerprint>/", reports.review.triage_views.group, name="group"),
    path("reports/unmatched/<slug:fingerprint>/rule", reports.review.triage_views.rule, name="rule"),
    path("reports/unmatched/<slug:fingerprint>/draft", reports.review.triage_views.promote, name="promote"),
    path("probe.pyz", reports.pages.views.probe_pyz, name="probe"),
    path("probe.pyz.sha256", reports.pages.views.probe_sha256, name="probe-sha256"),
    path("problems/", reports.pages.views.problems, name="problems"),
    path("sign-in/", signing_in, name="sign-in"),
    path("account/login/", signing_in),
    path("sign-out/", allauth.account.views.logout, name="sign-out"),
    path("account/", discussion.accounts.views.profile, name="profile"),
    path("account/data.json", discussion.accounts.views.export, name="export-own"),
    path("account/leave/", discussion.accounts.views.leave, name="leave"),
    path("account/2fa/totp/activate/", with_drawn_code(allauth.mfa.totp.views.activate_totp)),
    path("account/", include("allauth.urls")),
    path("follow/<int:document>/", discussion.accounts.views.follow, name="follow"),
    path("unsubscribe/<str:token>/", discussion.accounts.views.unsubscribe, name="unsubscribe"),
    path("people/<str:name>/ban/", discussion.accounts.views.ban, name="ban"),
    path("api/", TemplateView.as_view(template_name="api.html", extra_context={"here": "api"}), name="api"),
    path("api/v1/", rest.root.RootView.as_view(), name="api-root"),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/v1/events/", reports.pages.events_api.EventsView.as_view(), name="api-events"),
    path("api/v1/whoami/", reports.machines.api.WhoAmIView.as_view(), name="api-whoami"),
    path("api/v1/reports/<uuid:report>/", reports.intake.api.ReportView.as_view(), name="api-report"),
    path("schemas/unmigratable-report-1.json", reports.intake.api.report_schema, name="report-schema"),
    path("api/v1/diagnose/", reports.diagnose.api.DiagnoseView.as_view(), name="api-diagnose"),
    path("api/v1/cases/", catalog.pages.case_api.CasesView.as_view(), name="api-cases"),
    path("api/v1/cases/<slug:slug>/", catalog.pages.case_api.CaseView.as_view(), name="api-case"),
    path("api/v1/kernels/", catalog.measured.api.KernelsView.as_view(), name="api-kernels"),
    path("api/v1/kernels/<path:release>/", catalog.measured.api.KernelView.as_view(), name="api-kernel"),
    path("api/v1/compare/", catalog.measured.compare_views.CompareView.as_view(), name="api-compare"),
    path("api/v1/strategies/", catalog.pages.strategy_api.StrategiesView.as_view(), name="api-strategies"),
    path("api/v1/strategies/<slug:slug>/", catalog.pages.strategy_api.StrategyView.as_view(), name="api-strategy"),
    path(
        "api/v1/cases/<slug:slug>/comments/",
        discussion.comments.api.CaseCommentsView.as_view(),
        name="api-case-comments",
    ),
    path(
        "api/v1/strategies/<slug:slug>/comments/",
        discussion.comments.api.StrategyCommentsView.as_view(),
        name="api-strategy-comments",
    ),
    path("api/v1/affected/", catalog.measured.affected_views.AffectedView.as_view(), name="api-affected"),
    path("api/v1/cases/<slug:slug>/evidence/", reports.intake.api.CaseEvidenceView.as_view(), name="api-case-evidence"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    *(path(f"export/{name}", view, name=f"export-{name}") for name, view in reports.pages.exports.VIEWS.items()),
]


handler400 = errors.bad_request
handler403 = errors.not_allowed
handler404 = errors.not_found
handler429 = errors.too_often
handler500 = errors.broken
