"""What crawlers may have: texts and what was measured, and not each way to sort, search or take them along."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

NOT = ("/*?", "/account/", "/api/v1/", "/c/", "/export/", "/follow/", "/reports/", "/search/", "/shared/", "/sign-in/")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    rules = ["User-agent: *", *(f"Disallow: {path}" for path in NOT), "Crawl-delay: 5"]
    text = "\n".join([*rules, "", f"Sitemap: {settings.SITE_URL}/sitemap.xml", ""])
    return HttpResponse(text, content_type="text/plain; charset=utf-8")
