"""Every address of the site."""

from __future__ import annotations

import allauth.account.views
import allauth.mfa.totp.views
from csp.decorators import csp_update
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularJSONAPIView

import catalog.affected_pages
import catalog.api
import catalog.compare_pages
import catalog.editing
import catalog.feeds
import catalog.history
import catalog.kernel_api
import catalog.kernel_pages
import catalog.list_page
import catalog.method
import catalog.pages
import catalog.proposals
import catalog.search_pages
import catalog.session
import catalog.strategy_api
import catalog.subsystem_pages
import discussion.account_pages
import discussion.activity
import discussion.api
import discussion.feeds
import discussion.mail_pages
import discussion.moderation_pages
import discussion.pages
import discussion.steering_pages
import reports.api
import reports.diagnose_api
import reports.diagnose_pages
import reports.events_api
import reports.export
import reports.ledger
import reports.letter_pages
import reports.machine_api
import reports.machine_pages
import reports.pages
import reports.share_pages
import reports.triage_pages
import reports.workbench_pages
import rest.root
from config import errors, icon, robots, styleguide
from rest.limits import spent_by_post

# The QR code of a second factor is an image within the page's own text.
with_drawn_code = csp_update({"img-src": ["data:"]})
signing_in = spent_by_post("sign-in")(allauth.account.views.login)

urlpatterns = [
    # First what machines send: a hundred patterns tried before it would be a tenth of the time.
    path("api/v1/reports/", reports.api.ReportsView.as_view(), name="api-reports"),
    path("api/v1/batch/", reports.api.BatchView.as_view(), name="api-batch"),
    path("", catalog.list_page.cases, name="cases"),
    path("search/", catalog.search_pages.results, name="search"),
    path("favicon.ico", icon.icon, name="icon"),
    path("robots.txt", robots.robots, name="robots"),
    path("feed.atom", catalog.feeds.everything, name="feed"),
    path("subsystems/", catalog.subsystem_pages.subsystems, name="subsystems"),
    path("subsystems/<slug:slug>/", catalog.subsystem_pages.subsystem, name="subsystem"),
    path("subsystems/<slug:slug>/feed.atom", catalog.feeds.subsystem, name="subsystem-feed"),
    path("cases/<slug:slug>/feed.atom", catalog.feeds.case, name="case-feed"),
    path("cases/new/", catalog.proposals.propose_case, name="propose-case"),
    path("cases/proposed/", catalog.proposals.proposed, name="proposed"),
    *[
        path(f"{folder}/<slug:slug>/{address}/", view, {"kind": kind}, name=f"{kind}-{name}")
        for kind, folder in (("case", "cases"), ("strategy", "strategies"))
        for name, address, view in (
            ("state", "state", catalog.proposals.move),
            ("edit", "edit", catalog.editing.edit),
            ("history", "history", catalog.history.history),
            ("diff", "diff", catalog.history.difference),
            ("kept", "kept/<int:pk>", catalog.history.kept),
        )
    ],
    path("cases/<slug:slug>/", catalog.pages.case, name="case"),
    path("cases/<slug:slug>/@<int:n>", catalog.pages.case, name="case-snapshot"),
    path("kernels/", catalog.kernel_pages.kernels, name="kernels"),
    path("kernels/<path:release>/", catalog.kernel_pages.kernel, name="kernel"),
    path("compare/", catalog.compare_pages.compare, name="compare"),
    path("affected/", catalog.affected_pages.affected, name="affected"),
    path("affected.txt", catalog.affected_pages.affected_text, name="affected-text"),
    path("session/", catalog.session.session, name="session"),
    path("session.md", catalog.session.markdown, name="session-markdown"),
    path("session/begin/", catalog.session.begin, name="meeting-begin"),
    path("session/<int:number>/", catalog.session.meeting, name="meeting"),
    path("session/<int:number>/minutes.md", catalog.session.markdown, name="meeting-markdown"),
    path("session/<int:number>/points/<int:point>/", catalog.session.note, name="meeting-note"),
    path("session/<int:number>/add/", catalog.session.add, name="meeting-add"),
    path("session/<int:number>/close/", catalog.session.close, name="meeting-close"),
    path("method/", catalog.method.method, name="method"),
    path("strategies/", catalog.pages.strategies, name="strategies"),
    path("strategies/new/", catalog.proposals.propose_strategy, name="propose-strategy"),
    path("strategies/<slug:slug>/", catalog.pages.strategy, name="strategy"),
    path("strategies/<slug:slug>/@<int:n>", catalog.pages.strategy, name="strategy-snapshot"),
    path("strategies/<slug:slug>/object/", discussion.steering_pages.object_, name="object"),
    path("strategies/<slug:slug>/objections/<slug:objection>/", discussion.steering_pages.answer, name="answer"),
    path("strategies/<slug:slug>/move/", discussion.steering_pages.move, name="move"),
    path("strategies/<slug:slug>/drive/", discussion.steering_pages.drive, name="drive"),
    path("cases/<slug:slug>/discussion.atom", discussion.feeds.case, name="case-discussion-feed"),
    path("strategies/<slug:slug>/feed.atom", discussion.feeds.strategy, name="strategy-feed"),
    path("discussion/<int:document>/", discussion.pages.say, name="say"),
    path("discussion/<int:document>/lock/", discussion.moderation_pages.lock, name="lock"),
    path("c/<int:comment>/", discussion.pages.permalink, name="comment"),
    path("c/<int:comment>/history/", discussion.pages.history, name="comment-history"),
    path("c/<int:comment>/edit/", discussion.pages.edit, name="comment-edit"),
    path("c/<int:comment>/resolve/", discussion.pages.resolve, name="comment-resolve"),
    re_path(
        rf"^c/(?P<comment>\d{{1,18}})/(?P<name>{'|'.join(discussion.moderation_pages.ACTS)})/$",
        discussion.moderation_pages.act,
        name="comment-act",
    ),
    path("mail/import/", discussion.mail_pages.import_mail, name="import-mail"),
    path("mail/<path:message_id>/", discussion.mail_pages.thread, name="mail"),
    path("moderation/", discussion.moderation_pages.queue, name="moderation"),
    path("people/<str:name>/", discussion.activity.person, name="person"),
    path("diagnose/", spent_by_post("diagnose")(reports.diagnose_pages.diagnose), name="diagnose"),
    path("diagnose/share/", spent_by_post("diagnose")(reports.share_pages.share), name="share"),
    path("shared/<uuid:shared>/", reports.share_pages.shared, name="shared"),
    path("shared/<uuid:shared>/decide", reports.share_pages.decide, name="shared-decide"),
    path("cases/<slug:slug>/signature/", reports.workbench_pages.signature, name="signature"),
    path("reports/shared/", reports.share_pages.queue, name="shared-queue"),
    path("machines/", reports.machine_pages.machines, name="machines"),
    path("machines/<str:name>/", reports.machine_pages.machine, name="machine"),
    path("machines/<str:name>/token", reports.machine_pages.token, name="machine-token"),
    path("machines/<str:name>/standing", reports.machine_pages.standing, name="machine-standing"),
    path("reports/", reports.pages.reports, name="reports"),
    path("reports/<uuid:report>/", reports.pages.report, name="report"),
    path("reports/again", reports.letter_pages.again, name="reports-again"),
    path("reports/<uuid:report>/erase", reports.letter_pages.erase, name="report-erase"),
    path("metrics", reports.ledger.metrics, name="metrics"),
    path("reports/<uuid:report>/raw", reports.pages.raw, name="report-raw"),
    path("reports/<uuid:report>/verdict", reports.pages.judge, name="judge"),
    path("reports/unmatched/", reports.triage_pages.unmatched, name="unmatched"),
    path("reports/unmatched/<slug:fingerprint>/", reports.triage_pages.group, name="group"),
    path("reports/unmatched/<slug:fingerprint>/rule", reports.triage_pages.rule, name="rule"),
    path("reports/unmatched/<slug:fingerprint>/draft", reports.triage_pages.promote, name="promote"),
    path("probe.pyz", reports.pages.probe_pyz, name="probe"),
    path("probe.pyz.sha256", reports.pages.probe_sha256, name="probe-sha256"),
    path("problems/", reports.pages.problems, name="problems"),
    path("sign-in/", signing_in, name="sign-in"),
    path("account/login/", signing_in),
    path("sign-out/", allauth.account.views.logout, name="sign-out"),
    path("account/", discussion.account_pages.profile, name="profile"),
    path("account/data.json", discussion.account_pages.export, name="export-own"),
    path("account/leave/", discussion.account_pages.leave, name="leave"),
    path("account/2fa/totp/activate/", with_drawn_code(allauth.mfa.totp.views.activate_totp)),
    path("account/", include("allauth.urls")),
    path("follow/<int:document>/", discussion.account_pages.follow, name="follow"),
    path("unsubscribe/<str:token>/", discussion.account_pages.unsubscribe, name="unsubscribe"),
    path("people/<str:name>/ban/", discussion.account_pages.ban, name="ban"),
    path("api/", TemplateView.as_view(template_name="api.html", extra_context={"here": "api"}), name="api"),
    path("api/v1/", rest.root.RootView.as_view(), name="api-root"),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/v1/events/", reports.events_api.EventsView.as_view(), name="api-events"),
    path("api/v1/whoami/", reports.machine_api.WhoAmIView.as_view(), name="api-whoami"),
    path("api/v1/reports/<uuid:report>/", reports.api.ReportView.as_view(), name="api-report"),
    path("schemas/unmigratable-report-1.json", reports.api.report_schema, name="report-schema"),
    path("api/v1/diagnose/", reports.diagnose_api.DiagnoseView.as_view(), name="api-diagnose"),
    path("api/v1/cases/", catalog.api.CasesView.as_view(), name="api-cases"),
    path("api/v1/cases/<slug:slug>/", catalog.api.CaseView.as_view(), name="api-case"),
    path("api/v1/kernels/", catalog.kernel_api.KernelsView.as_view(), name="api-kernels"),
    path("api/v1/kernels/<path:release>/", catalog.kernel_api.KernelView.as_view(), name="api-kernel"),
    path("api/v1/compare/", catalog.compare_pages.CompareView.as_view(), name="api-compare"),
    path("api/v1/strategies/", catalog.strategy_api.StrategiesView.as_view(), name="api-strategies"),
    path("api/v1/strategies/<slug:slug>/", catalog.strategy_api.StrategyView.as_view(), name="api-strategy"),
    path("api/v1/cases/<slug:slug>/comments/", discussion.api.CaseCommentsView.as_view(), name="api-case-comments"),
    path(
        "api/v1/strategies/<slug:slug>/comments/",
        discussion.api.StrategyCommentsView.as_view(),
        name="api-strategy-comments",
    ),
    path("api/v1/affected/", catalog.affected_pages.AffectedView.as_view(), name="api-affected"),
    path("api/v1/cases/<slug:slug>/evidence/", reports.api.CaseEvidenceView.as_view(), name="api-case-evidence"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    *(path(f"export/{name}", view, name=f"export-{name}") for name, view in reports.export.VIEWS.items()),
]


handler400 = errors.bad_request
handler403 = errors.not_allowed
handler404 = errors.not_found
handler429 = errors.too_often
handler500 = errors.broken
