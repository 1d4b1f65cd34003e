"""Following by mail, the way out of it, and the outbox."""

from __future__ import annotations

from django.urls import path

from mailing.pages import api, mbox, outbox, views

urlpatterns = [
    path("cases/<slug:slug>/mail", mbox.case, name="case-mail"),
    path("strategies/<slug:slug>/mail", mbox.strategy, name="strategy-mail"),
    path("follow/", views.follow, name="follow"),
    path("account/following/", views.all_followed, name="following"),
    path("account/following/resume/", views.resume, name="mail-resume"),
    path("unsubscribe/<str:token>/", views.unsubscribe, name="unsubscribe"),
    path("outbox/", outbox.outbox, name="outbox"),
    path("api/v1/follows/", api.FollowsView.as_view(), name="api-follows"),
]
