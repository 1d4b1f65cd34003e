"""What people say, mail, and their own pages."""

from __future__ import annotations

from django.urls import path, re_path

from discussion.accounts import activity
from discussion.accounts import views as accounts_views
from discussion.answers import waiting
from discussion.comments import api as comments_api
from discussion.comments import feeds as comments_feeds
from discussion.comments import views as comments_views
from discussion.mail import views as mail_views
from discussion.moderating import views as moderating_views
from discussion.steering import views as steering_views

urlpatterns = [
    path("strategies/<slug:slug>/object/", steering_views.object_, name="object"),
    path("strategies/<slug:slug>/objections/<slug:objection>/", steering_views.answer, name="answer"),
    path("strategies/<slug:slug>/move/", steering_views.move, name="move"),
    path("strategies/<slug:slug>/drive/", steering_views.drive, name="drive"),
    path("cases/<slug:slug>/discussion.atom", comments_feeds.case, name="case-discussion-feed"),
    path("strategies/<slug:slug>/feed.atom", comments_feeds.strategy, name="strategy-feed"),
    path("discussion/<int:document>/", comments_views.say, name="say"),
    path("discussion/<int:document>/lock/", moderating_views.lock, name="lock"),
    path("c/<int:comment>/", comments_views.permalink, name="comment"),
    path("c/<int:comment>/history/", comments_views.history, name="comment-history"),
    path("c/<int:comment>/edit/", comments_views.edit, name="comment-edit"),
    path("c/<int:comment>/resolve/", comments_views.resolve, name="comment-resolve"),
    re_path(
        rf"^c/(?P<comment>\d{{1,18}})/(?P<name>{'|'.join(moderating_views.ACTS)})/$",
        moderating_views.act,
        name="comment-act",
    ),
    path("mail/import/", mail_views.import_mail, name="import-mail"),
    path("mail/<path:message_id>/", mail_views.thread, name="mail"),
    path("moderation/mail/", waiting.incoming, name="incoming"),
    path("moderation/mail/<int:pk>/", waiting.whole, name="incoming-whole"),
    path("moderation/", moderating_views.queue, name="moderation"),
    path("people/<str:name>/", activity.person, name="person"),
    path("account/", accounts_views.profile, name="profile"),
    path("account/data.json", accounts_views.export, name="export-own"),
    path("account/leave/", accounts_views.leave, name="leave"),
    path("people/<str:name>/ban/", accounts_views.ban, name="ban"),
    path(
        "api/v1/cases/<slug:slug>/comments/",
        comments_api.CaseCommentsView.as_view(),
        name="api-case-comments",
    ),
    path(
        "api/v1/strategies/<slug:slug>/comments/",
        comments_api.StrategyCommentsView.as_view(),
        name="api-strategy-comments",
    ),
]
