"""The probe that this site hands out, to download."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition

from reports.pages.probe import probe_download


def _probe_etag(request: HttpRequest, *args: Any) -> str:
    return f'"{probe_download.built().sha256}"'


@condition(etag_func=_probe_etag)
def probe_pyz(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(probe_download.built().body, content_type="application/zip")
    answer["Content-Disposition"] = 'attachment; filename="probe.pyz"'
    answer["X-Checksum-Sha256"] = probe_download.built().sha256
    return answer


def probe_sha256(request: HttpRequest) -> HttpResponse:
    """In the form that `sha256sum --check` reads."""
    return HttpResponse(f"{probe_download.built().sha256}  probe.pyz\n", content_type="text/plain; charset=utf-8")
