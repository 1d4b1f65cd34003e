"""What crawlers are to find: the pages of what is published, with when each last changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sitemaps import Sitemap
from django.db.models import Model, QuerySet
from django.urls import reverse

from catalog.models import Case, KernelBuild, Strategy

FIXED = (
    *("cases", "kernels", "strategies", "agenda", "method", "waits", "subsystems"),
    *("diagnose", "affected", "api", "probe"),
)


class _OfThisSite(Sitemap):  # type: ignore[type-arg]
    """Addresses as this site is set to be reached, whichever Host a request names."""

    limit = 10_000

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme


class _Documents(_OfThisSite):
    model: type[Case] | type[Strategy]

    def items(self) -> QuerySet[Any]:
        rows = self.model.objects.visible_to(AnonymousUser()).filter(document__current__isnull=False)
        return rows.select_related("document__current").defer("document__current__text").order_by("slug")

    def lastmod(self, item: Any) -> datetime:
        made: datetime = item.document.current.created_at
        return made


class _Cases(_Documents):
    model = Case


class _Strategies(_Documents):
    model = Strategy


class _Kernels(_OfThisSite):
    def items(self) -> QuerySet[KernelBuild]:
        return KernelBuild.objects.visible_to(AnonymousUser()).filter(label="").order_by("pk")

    def location(self, item: Model) -> str:
        assert isinstance(item, KernelBuild)
        return item.get_absolute_url()


class _Standing(_OfThisSite):
    def items(self) -> tuple[str, ...]:
        return FIXED

    def location(self, item: Any) -> str:
        return reverse(item)


SITEMAPS = {"pages": _Standing, "cases": _Cases, "strategies": _Strategies, "kernels": _Kernels}
