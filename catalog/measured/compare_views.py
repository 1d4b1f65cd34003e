"""Two builds side by side, or one build and a candidate fix on it: `/compare/?a=&b=`, and the same as JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.measured import overview, side_by_side
from catalog.measured.as_json import KernelTold, Measured, as_measured, kernel_told
from catalog.measured.side_by_side import (
    DIFFERS,
    FIXED,
    NO_DIFFERENCE,
    NOW_INCONCLUSIVE,
    ONE_SIDE,
    REGRESSED,
    TOO_FEW,
    Pair,
)
from catalog.models import Case, KernelBuild, Total
from diagnosis.kernels import releases
from rest import parameters, problems
from rest.document.shapes import URI, Shape, one_of

HEADINGS = {
    DIFFERS: "Differs",
    NO_DIFFERENCE: "No difference shown",
    TOO_FEW: "Too few runs to tell",
    ONE_SIDE: "Nothing to compare with",
}


def compare(request: HttpRequest) -> HttpResponse:
    parameters.demand_known(request, "a", "b", every=())
    visible = KernelBuild.objects.visible_to(request.user)
    choices = sorted(visible, key=lambda b: (releases.read(b.release).order, b.release, b.label), reverse=True)
    named = {side: request.GET.get(side, "")[:250] for side in ("a", "b")}
    found = {side: _among(choices, name) for side, name in named.items()}
    missing = [side for side, name in named.items() if name and found[side] is None]
    a, b = found["a"], found["b"]
    page: dict[str, Any] = {
        "choices": _by_line(choices),
        "a": a,
        "b": b,
        "named": named,
        "missing": missing,
        "here": "kernels",
    }
    if a is not None and b is not None:
        pairs, cases = _pairs(request.user, a, b)
        groups = [
            (verdict, heading, [(cases[pair.case_id], pair) for pair in pairs if pair.verdict == verdict])
            for verdict, heading in HEADINGS.items()
        ]
        page |= {"groups": groups, "level": side_by_side.LEVEL, "counts": Counter(pair.verdict for pair in pairs)}
    return render(request, "catalog/compare.html", page, status=404 if missing else 200)


def _among(choices: list[KernelBuild], name: str) -> KernelBuild | None:
    """By what `str` makes of a build; a plus that came through a URL as a space is put back."""
    named = {str(build): build for build in choices}
    release, plus, label = name.partition(" + ")
    as_sent = release.replace(" ", "+")
    return named.get(name) or named.get(as_sent + plus + label) or named.get(releases.identity(as_sent) + plus + label)


def _by_line(choices: list[KernelBuild]) -> list[tuple[str, list[KernelBuild]]]:
    made: dict[str, list[KernelBuild]] = {}
    for build in choices:
        made.setdefault(releases.read(build.release).line, []).append(build)
    return list(made.items())


def _pairs(user: Any, a: KernelBuild, b: KernelBuild) -> tuple[list[Pair], dict[int, Case]]:
    totals = Total.objects.visible_to(user).filter(build__in=[a, b]).select_related("build", "case")
    cases = {total.case_id: total.case for total in totals}
    summaries = overview.summarised(totals)
    sides = [[s for s in summaries if s.build.pk == build.pk] for build in (a, b)]
    return sorted(side_by_side.pair(*sides), key=lambda p: (cases[p.case_id].slug, p.one.mover.slug)), cases


class ComparedPair(Shape):
    """Runs of one case by one mover on both builds."""

    case: str
    mover: str
    area: str | None = None
    environment: str
    architecture: str
    kind: str
    verdict: str = Field(json_schema_extra=one_of(HEADINGS))
    p: float | None = Field(default=None, description="Of Fisher's exact test; absent where nothing could be compared.")
    turned: str | None = Field(
        default=None,
        json_schema_extra=one_of((FIXED, REGRESSED, NOW_INCONCLUSIVE)),
        description="The direction from a to b, as in `outcome.changed`; absent where none is shown.",
    )
    a: Measured | None = None
    b: Measured | None = None


class Comparison(Shape):
    """Two builds side by side."""

    a: KernelTold
    b: KernelTold
    level: float
    page: str = Field(json_schema_extra=URI)
    results: list[ComparedPair]


_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
_NAME = "A build: its release, and ` + ` and its label where it has one."


class CompareView(APIView):
    @extend_schema(
        operation_id="compare",
        parameters=[OpenApiParameter(side, str, required=True, description=_NAME) for side in ("a", "b")],
        responses={200: Comparison, 400: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Two builds side by side, by case and mover: differs, no difference shown, too few runs, or one side only."""
        parameters.demand_known(request, "a", "b", every=())
        choices = list(KernelBuild.objects.visible_to(request.user))
        a, b = (_side(request, choices, side) for side in ("a", "b"))
        pairs, cases = _pairs(request.user, a, b)
        document = Comparison(
            a=kernel_told(a.release, a.label),
            b=kernel_told(b.release, b.label),
            level=side_by_side.LEVEL,
            page=f"{settings.SITE_URL}/compare/?{urlencode({'a': str(a), 'b': str(b)})}",
            results=[_pair(pair, cases[pair.case_id]) for pair in pairs],
        )
        return Response(document.shown())


def _side(request: Request, choices: list[KernelBuild], side: str) -> KernelBuild:
    name = request.query_params.get(side, "")
    if not name:
        raise parameters.Wrong(f"{side}: expected a build, such as 6.18.44 or 6.18.44 + its label.")
    found = _among(choices, name[:250])
    if found is None:
        raise NotFound(f"{side}: nothing was measured on such a kernel.")
    return found


def _pair(pair: Pair, case: Case) -> ComparedPair:
    one = pair.one
    return ComparedPair(
        case=case.slug,
        mover=one.mover.slug,
        area=one.area.slug or None,
        environment=one.environment.slug,
        architecture=one.architecture,
        kind=one.kind,
        verdict=pair.verdict,
        p=None if pair.p is None else float(f"{pair.p:.3g}"),
        turned=pair.turned or None,
        a=as_measured(pair.a) if pair.a else None,
        b=as_measured(pair.b) if pair.b else None,
    )
