"""Cases and strategies, kernels, search, the agenda."""

from __future__ import annotations

from django.urls import path, re_path

from catalog.editing import history, proposals
from catalog.editing import views as editing_views
from catalog.measured import api as measured_api
from catalog.measured import compare_views
from catalog.measured.asked import affected_views
from catalog.measured.waits import api as waits_api
from catalog.measured.waits import views as waits_views
from catalog.meetings import views as meetings_views
from catalog.pages import badge, documents, inbox, kernels, method, subsystems
from catalog.pages import feeds as pages_feeds
from catalog.pages.api import cases as cases_api
from catalog.pages.api import strategies as strategies_api
from catalog.pages.case_page import card_view, now
from catalog.pages.listing import case_list
from catalog.search import views as search_views

urlpatterns = [
    path("", case_list.cases, name="cases"),
    path("search/", search_views.results, name="search"),
    path("feed.atom", pages_feeds.everything, name="feed"),
    path("subsystems/", subsystems.subsystems, name="subsystems"),
    path("subsystems/<slug:slug>/", subsystems.subsystem, name="subsystem"),
    path("subsystems/<slug:slug>/feed.atom", pages_feeds.subsystem, name="subsystem-feed"),
    path("cases/<slug:slug>/badge.svg", badge.picture, name="case-badge"),
    path("cases/<slug:slug>/badge.json", badge.shields, name="case-badge-json"),
    path("cases/<slug:slug>/feed.atom", pages_feeds.case, name="case-feed"),
    path("cases/new/", proposals.propose_case, name="propose-case"),
    path("cases/proposed/", proposals.proposed, name="proposed"),
    *[
        path(f"{folder}/<slug:slug>/{address}/", view, {"kind": kind}, name=f"{kind}-{name}")
        for kind, folder in (("case", "cases"), ("strategy", "strategies"))
        for name, address, view in (
            ("state", "state", proposals.move),
            ("edit", "edit", editing_views.edit),
            ("history", "history", history.history),
            ("diff", "diff", history.difference),
            ("kept", "kept/<int:pk>", history.kept),
        )
    ],
    path("cases/<slug:slug>/", documents.case, name="case"),
    path("cases/<slug:slug>/now", now.now, name="case-now"),
    path("cases/<slug:slug>/card.png", card_view.picture, name="case-card"),
    path("cases/<slug:slug>/@<int:n>", documents.case, name="case-snapshot"),
    path("kernels/", kernels.kernels, name="kernels"),
    path("kernels/<path:release>/", kernels.kernel, name="kernel"),
    path("compare/", compare_views.compare, name="compare"),
    path("affected/", affected_views.affected, name="affected"),
    path("affected.txt", affected_views.affected_text, name="affected-text"),
    path("agenda/", meetings_views.agenda, name="agenda"),
    path("agenda.md", meetings_views.markdown, name="agenda-markdown"),
    path("agenda/begin/", meetings_views.begin, name="meeting-begin"),
    path("agenda/<int:number>/", meetings_views.meeting, name="meeting"),
    path("agenda/<int:number>/minutes.md", meetings_views.markdown, name="meeting-markdown"),
    path("agenda/<int:number>/points/<int:point>/", meetings_views.note, name="meeting-note"),
    path("agenda/<int:number>/add/", meetings_views.add, name="meeting-add"),
    path("agenda/<int:number>/close/", meetings_views.close, name="meeting-close"),
    re_path(r"^session(?P<rest>[/.].*)$", meetings_views.moved),  # what it was called until 2026-11-29
    path("inbox/", inbox.inbox, name="inbox"),
    path("method/", method.method, name="method"),
    path("waits/", waits_views.waits, name="waits"),
    path("waits/<slug:slug>/", waits_views.state_of_a_folio, name="waits-state"),
    path("strategies/", documents.strategies, name="strategies"),
    path("strategies/new/", proposals.propose_strategy, name="propose-strategy"),
    path("strategies/<slug:slug>/", documents.strategy, name="strategy"),
    path("strategies/<slug:slug>/tested", documents.tested, name="strategy-tested"),
    path("strategies/<slug:slug>/@<int:n>", documents.strategy, name="strategy-snapshot"),
    path("api/v1/cases/", cases_api.CasesView.as_view(), name="api-cases"),
    path("api/v1/cases/<slug:slug>/", cases_api.CaseView.as_view(), name="api-case"),
    path("api/v1/kernels/", measured_api.KernelsView.as_view(), name="api-kernels"),
    path("api/v1/kernels/<path:release>/", measured_api.KernelView.as_view(), name="api-kernel"),
    path("api/v1/compare/", compare_views.CompareView.as_view(), name="api-compare"),
    path("api/v1/strategies/", strategies_api.StrategiesView.as_view(), name="api-strategies"),
    path("api/v1/strategies/<slug:slug>/", strategies_api.StrategyView.as_view(), name="api-strategy"),
    path("api/v1/waits/", waits_api.WaitsView.as_view(), name="api-waits"),
    path("api/v1/affected/", affected_views.AffectedView.as_view(), name="api-affected"),
]
