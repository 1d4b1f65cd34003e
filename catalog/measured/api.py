"""The kernels that something was measured on, as JSON."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.measured import builds, overview
from catalog.measured.as_json import SUMMARY, as_measured
from catalog.measured.builds import Build
from catalog.models import Case, KernelBuild, Total
from diagnosis.kernels import releases
from rest import paging, parameters, problems

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")

KERNEL: dict[str, Any] = {
    "type": "object",
    "required": ["release", "line", "url", "page"],
    "properties": {
        "release": {"type": "string"},
        "label": {"type": "string", "description": "Of a candidate fix; absent on a kernel that people run."},
        "line": {"type": "string", "description": "Such as '6.12', or 'el9 5.14' for a vendor's."},
        "vendor": {"type": "string"},
        "built_by": {"type": "string"},
        "url": {"type": "string", "format": "uri"},
        "page": {"type": "string", "format": "uri"},
        "newer_release": {"type": "string", "description": "The newest of its line here, where that is another."},
        "measured": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "architecture": {"type": "string"},
                    "environment": {"type": "string"},
                    "nr_cases": {"type": "integer"},
                    "last_seen_at": {"type": "string", "format": "date-time"},
                },
            },
        },
    },
}
ONE_KERNEL: dict[str, Any] = {
    **KERNEL,
    "properties": {
        **{name: of for name, of in KERNEL["properties"].items() if name not in ("measured", "newer_release")},
        "measured": {
            "type": "array",
            "items": {**SUMMARY, "properties": {"case": {"type": "string"}, **SUMMARY["properties"]}},
        },
    },
}


class KernelsView(APIView):
    @extend_schema(
        operation_id="kernels", parameters=paging.PARAMETERS, responses={200: paging.schema(KERNEL), 400: _PROBLEM}
    )
    def get(self, request: Request) -> Response:
        """Every build that something was measured on, in the order in which it was first heard of."""
        parameters.demand_known(request)
        known: dict[int, list[Build]] = defaultdict(list)
        for one in builds.known(request.user):
            known[one.build.pk].append(one)
        rows = KernelBuild.objects.filter(pk__in=known)
        return paging.answer(request, rows, ("pk",), lambda build: _listed(build, known[build.pk]))


class KernelView(APIView):
    @extend_schema(
        operation_id="kernel",
        parameters=[OpenApiParameter("label", str, description="Of a candidate fix.")],
        responses={200: ONE_KERNEL, 404: _PROBLEM},
    )
    def get(self, request: Request, release: str) -> Response:
        """One build: what was measured on it, by case and mover."""
        release, label = release.replace("\x00", ""), request.query_params.get("label", "").replace("\x00", "")
        names = [release, releases.identity(release)]
        visible = KernelBuild.objects.visible_to(request.user).filter(label=label, release__in=names)
        build = min(visible, key=lambda one: names.index(one.release), default=None)
        if build is None:
            raise Http404("Nothing was measured on such a kernel.")
        rows = overview.summarised(Total.objects.visible_to(request.user).filter(build=build).select_related("build"))
        slugs = dict(Case.objects.filter(pk__in={row.case_id for row in rows}).values_list("pk", "slug"))
        rows.sort(key=lambda row: (slugs[row.case_id], row.mover.slug, row.area.slug))
        found = [{"case": slugs[row.case_id], **as_measured(row)} for row in rows]
        return Response({**_named(build), "measured": found})


def _named(build: KernelBuild) -> dict[str, Any]:
    read = releases.read(build.release)
    given = {"label": build.label, "vendor": read.vendor, "built_by": read.built_by}
    page = build.get_absolute_url()
    return {
        "release": build.release,
        "line": read.line,
        "url": f"{settings.SITE_URL}/api/v1{page}",
        "page": f"{settings.SITE_URL}{page}",
        **{name: value for name, value in given.items() if value},
    }


def _listed(build: KernelBuild, known: list[Build]) -> dict[str, Any]:
    newer = next((one.newer.release for one in known if one.newer), None)
    places = [
        {
            "architecture": one.architecture,
            "environment": one.environment.slug,
            "nr_cases": one.nr_cases,
            "last_seen_at": one.last_seen_at,
        }
        for one in known
    ]
    return {**_named(build), **({"newer_release": newer} if newer else {}), "measured": places}
