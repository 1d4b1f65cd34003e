"""Every address of the site: each app has its own, and what belongs to none stands here."""

from __future__ import annotations

import allauth.account.views
import allauth.mfa.totp.views
from csp.decorators import csp_update
from django.contrib.sitemaps.views import sitemap as sitemap_view
from django.urls import include, path
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularJSONAPIView

from config.pages import errors, icon, operations, robots, sitemap, styleguide
from rest.bounds.limits import spent_by_post
from rest.root import RootView

# The QR code of a second factor is an image within the page's own text.
with_drawn_code = csp_update({"img-src": ["data:"]})
signing_in = spent_by_post("sign-in")(allauth.account.views.login)

urlpatterns = [
    # First what machines send: a hundred patterns tried before it would be a tenth of the time.
    path("", include("reports.urls")),
    path("", include("catalog.urls")),
    path("", include("discussion.urls")),
    path("", include("webhooks.urls")),
    path("", include("mailing.urls")),
    path("sign-in/", signing_in, name="sign-in"),
    path("account/login/", signing_in),
    path("sign-out/", allauth.account.views.logout, name="sign-out"),
    path("account/2fa/totp/activate/", with_drawn_code(allauth.mfa.totp.views.activate_totp)),
    path("account/", include("allauth.urls")),
    path("api/", TemplateView.as_view(template_name="api.html", extra_context={"here": "api"}), name="api"),
    path("api/v1/", RootView.as_view(), name="api-root"),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("favicon.ico", icon.icon, name="icon"),
    path("operations/", operations.operations, name="operations"),
    path("robots.txt", robots.robots, name="robots"),
    path("sitemap.xml", sitemap_view, {"sitemaps": sitemap.SITEMAPS}, name="sitemap"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
]


handler400 = errors.bad_request
handler403 = errors.not_allowed
handler404 = errors.not_found
handler429 = errors.too_often
handler500 = errors.broken
