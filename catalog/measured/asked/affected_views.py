"""Am I affected? The same answer as a page, as plain text for `curl`, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.measured.asked.affected import Judged, judge
from catalog.models import Case
from diagnosis.kernels import releases
from diagnosis.kernels.affected import AFFECTED, NOT_AFFECTED, UNKNOWN, Reason
from diagnosis.kernels.releases import Release
from diagnosis.words.vocabulary import KINDS, rank
from rest import paging, parameters, problems
from rest.document.shapes import URI, Shape, one_of, page_of

EXPECTED = "kernel: expected what `uname -r` prints, such as 6.12.57+deb13-amd64"
EXAMPLES = ("6.1.0-41-amd64", "6.12.57+deb13-amd64", "6.18.4-arch1-1", "6.8.0-60-generic", "5.14.0-570.el9.x86_64")
KNOWN_BY = {
    "build": "measured on this build",
    "line": "measured on this line",
    "tree": "seen in its tree",
    "commits": "by its commits",
    "elsewhere": "measured on other lines",
}
HEADINGS = (
    (AFFECTED, "Affected", "●", "held"),
    (UNKNOWN, "Unknown", "·", "none"),
    (NOT_AFFECTED, "Not affected", "○", "moves"),
)


@dataclass(frozen=True)
class Row:
    case: Case
    known_by: str
    first: list[Reason]
    more: list[Reason]
    contradicts: list[Reason]


@dataclass(frozen=True)
class Group:
    verdict: str
    heading: str
    glyph: str
    look: str
    rows: list[Row]


def affected(request: HttpRequest) -> HttpResponse:
    """A page for who asks for HTML; `curl`, which asks for anything, gets plain text."""
    accept = request.headers.get("Accept", "text/html")
    answer = _page(request) if "text/html" in accept else affected_text(request)
    answer["Vary"] = "Accept, Cookie"
    return answer


def _page(request: HttpRequest) -> HttpResponse:
    parameters.demand_known(request, "kernel", "case", every=())
    given = _given(request.GET.get("kernel", ""))
    kernel = releases.read_uname(given)
    case = request.GET.get("case", "")[:64]
    page: dict[str, Any] = {"given": given, "kernel": kernel, "case": case, "examples": EXAMPLES, "here": "kernels"}
    if kernel is None:
        page["wrong"] = bool(given)
        return render(request, "catalog/affected.html", page, status=400 if given else 200)
    made = groups(kernel, request.user)
    page |= {"groups": made, "said": said(kernel), "asked": _asked(made, page["case"])}
    return render(request, "catalog/affected.html", page)


def _asked(made: list[Group], slug: str) -> tuple[Group, Row] | None:
    """The row of the case that is asked for, where there is such a one, and its group."""
    return next(((group, row) for group in made for row in group.rows if row.case.slug == slug), None)


def affected_text(request: HttpRequest) -> HttpResponse:
    """One line a case: verdict, slug, how it is known. Unreadable, or a parameter that is none: 400 and a sentence."""
    try:
        parameters.demand_known(request, "kernel", every=())
    except parameters.Wrong as wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    given = _given(request.GET.get("kernel", ""))
    kernel = releases.read_uname(given)
    if kernel is None:
        return HttpResponse(f"{EXPECTED}\n", status=400, content_type="text/plain; charset=utf-8")
    lines = [f"# {kernel.raw}: {said(kernel)}", f"# {settings.SITE_URL}/affected/?kernel=…", ""]
    for group in groups(kernel, request.user):
        for row in group.rows:
            kind = "" if row.case.kind == "case" else f" ({row.case.kind_word.label})"
            lines.append(f"{group.heading.lower():<13} {row.case.slug:<28} {row.known_by or 'nothing decides'}{kind}")
            lines += [f"{'':<14}{reason.text}" for reason in row.first or row.more]
            lines += [f"{'':<14}but: {reason.text}" for reason in row.contradicts]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def _given(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()[:500]


def said(kernel: Release) -> str:
    """How the name was read: 'line 6.1, built by Debian; …'."""
    made = f"line {kernel.line}"
    if kernel.built_by:
        made += f", built by {kernel.built_by}" if kernel.built_by[0].isupper() else f", {kernel.built_by}"
    if kernel.vendor:
        return made + "; a vendor’s kernel carries backports, so that only measurements say something of it"
    if kernel.hides_patch:
        return made + "; which stable release is within does not stand in this name (`uname -rv` tells)"
    return made


def groups(kernel: Release, user: Any) -> list[Group]:
    """Every case by its verdict on this kernel. Within a verdict cases come first, then contrasts and look-alikes."""
    rows: dict[str, list[Row]] = {verdict: [] for verdict, *_ in HEADINGS}
    cases = sorted(Case.objects.visible_to(user).for_page(), key=lambda case: (rank(KINDS, case.kind), case.slug))
    for one in judge(kernel, cases):
        reasons, known_by = one.answer.reasons, one.answer.known_by
        against = [reason for reason in reasons if reason.contradicts]
        first = [r for r in reasons if r.known_by == known_by and r.verdict == one.answer.verdict]
        more = [reason for reason in reasons if reason not in first and reason not in against]
        rows[one.answer.verdict].append(Row(one.case, KNOWN_BY.get(known_by, ""), first, more, against))
    return [Group(*heading, rows[heading[0]]) for heading in HEADINGS]


_VERDICTS = one_of((AFFECTED, NOT_AFFECTED, UNKNOWN))
_KNOWN_BY = one_of(KNOWN_BY)


class ReasonTold(Shape):
    known_by: str = Field(json_schema_extra=_KNOWN_BY)
    verdict: str = Field(
        description="What this alone would say; unknown where it decides nothing.", json_schema_extra=_VERDICTS
    )
    text: str
    contradicts: bool


class JudgedCase(Shape):
    case: str
    page: str = Field(json_schema_extra=URI)
    title: str
    kind: str
    verdict: str = Field(json_schema_extra=_VERDICTS)
    known_by: str | None = Field(
        default=None, description="The reason that decided; absent where nothing did.", json_schema_extra=_KNOWN_BY
    )
    reasons: list[ReasonTold]


class KernelRead(Shape):
    release: str
    line: str = Field(description="Such as '6.12', or 'el9 5.14' for a vendor's.")
    vendor: str | None = None
    built_by: str | None = None


AFFECTED_PAGE = page_of(JudgedCase, "Affected", kernel=(KernelRead, ...))


class AffectedView(APIView):
    @extend_schema(
        operation_id="affected",
        parameters=[
            OpenApiParameter("kernel", str, required=True, description="What `uname -r` (or `uname -rv`) prints."),
            *paging.PARAMETERS,
        ],
        responses={200: AFFECTED_PAGE, 400: OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")},
    )
    def get(self, request: Request) -> Response:
        """Every case: affected, not affected or unknown on this kernel, and how that is known. By slug."""
        parameters.demand_known(request, "kernel")
        kernel = releases.read_uname(_given(request.query_params.get("kernel", "")))
        if kernel is None:
            raise parameters.Wrong(f"{EXPECTED}.")
        cases = Case.objects.visible_to(request.user).for_page()
        answer = paging.answer(request, cases, ("slug",), lambda case: case)
        judged = judge(kernel, answer.data["results"])
        answer.data |= {"kernel": _kernel(kernel), "results": [_judged(one) for one in judged]}
        return answer


def _kernel(kernel: Release) -> dict[str, Any]:
    optional = {"vendor": kernel.vendor or None, "built_by": kernel.built_by or None}
    return KernelRead(release=kernel.raw, line=kernel.line, **optional).shown()


def _judged(one: Judged) -> dict[str, Any]:
    return JudgedCase(
        case=one.case.slug,
        page=f"{settings.SITE_URL}{one.case.get_absolute_url()}",
        title=one.case.title,
        kind=one.case.kind,
        verdict=one.answer.verdict,
        known_by=one.answer.known_by or None,
        reasons=[ReasonTold(**vars(reason)) for reason in one.answer.reasons],
    ).shown()
