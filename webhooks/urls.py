"""One's own webhooks."""

from __future__ import annotations

from django.urls import path

from webhooks import views

urlpatterns = [
    path("account/webhooks/", views.hooks, name="webhooks"),
    path("account/webhooks/<int:pk>/", views.hook, name="webhook"),
    path("account/webhooks/<int:pk>/act/", views.act, name="webhook-act"),
    path("account/webhooks/<int:pk>/<uuid:delivery>/", views.delivery, name="webhook-delivery"),
]
