"""What is known, as JSON. Slugs and words are those of the vocabulary; unknown is absent."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.documents.current import case_text
from catalog.measured import overview
from catalog.measured.as_json import Measured, as_measured
from catalog.models import Case
from catalog.models.text import PROPOSALS, State
from catalog.revisions.api import SAVING, TextView
from rest import paging, parameters, problems
from rest.document.shapes import URI, Shape, one_of, page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class EffectTold(Shape):
    effect: str
    manner: str
    standing: str


class ListedCase(Shape):
    case: str = Field(description="The slug, the only id.")
    url: str = Field(json_schema_extra=URI)
    page: str = Field(json_schema_extra=URI)
    title: str
    short: str | None = Field(default=None, max_length=48, description="A short name, where the case has one.")
    state: str = Field(json_schema_extra=one_of(State.values))
    is_reviewed: bool = Field(description="False for what somebody proposed: no part of the catalog.")
    kind: str
    status: str
    mechanism: str
    mechanisms: list[str]
    controllers: list[str]
    time_bound: str
    areas: list[str]
    summary: str
    subsystems: list[str]
    effects: list[EffectTold]


class OneCase(ListedCase):
    """A case, whole: its text taken apart, and what was measured of it."""

    revision: int
    aliases: list[str]
    document: dict[str, Any] = Field(description="Everything that the case's text says.")
    measured: list[Measured]


STATE = OpenApiParameter("state", str, enum=[State.PUBLISHED, *PROPOSALS], default=State.PUBLISHED)


class CasesView(APIView):
    @extend_schema(
        operation_id="cases",
        parameters=[*paging.PARAMETERS, STATE],
        responses={200: page_of(ListedCase, "Case"), 400: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """All cases, by slug; with `state`, what somebody proposed and nobody has reviewed, or what was declined."""
        parameters.demand_known(request, "state")
        state = request.query_params.get("state", State.PUBLISHED)
        if state == State.PUBLISHED:
            return paging.answer(request, Case.objects.visible_to(request.user).for_list(), ("slug",), shown)
        if state not in PROPOSALS:
            raise parameters.Wrong("state: expected published, proposed or declined.")
        found = Case.objects.visible_to(request.user, proposals=True).filter(document__state=state)
        return paging.answer(request, found.for_list(), ("slug",), shown)


class CaseView(TextView):
    kind = "case"

    @extend_schema(operation_id="put_case", **SAVING)
    def put(self, request: Request, slug: str) -> Response:
        """Change a case: the whole text, on top of the revision that `If-Match` names. For editors."""
        return self.save(request, slug)

    @extend_schema(
        operation_id="case",
        responses={(200, "application/json"): OneCase, (200, "text/markdown"): str, 404: _PROBLEM},
    )
    def get(self, request: Request, slug: str) -> Response:
        """One case, by its slug or an alias: its text taken apart, and what was measured; or the text itself."""
        parameters.demand_known(request, every=())
        case = Case.objects.visible_to(request.user, proposals=True).for_list().for_page().named(slug)
        if case is None:
            raise Http404("There is no such case.")
        if (answer := self.text(request, case.document)) is not None:
            return answer
        current, text = case.document.current, case_text(case.document)
        if current is None or text is None:
            raise Http404("This release cannot take its text apart; as text/markdown it is there.")
        measured = [as_measured(summary) for summary in overview.summaries(case)]
        document = text.model_dump(mode="json", exclude_none=True)
        aliases = list(text.aliases)
        whole = OneCase(**listed(case), revision=current.n, aliases=aliases, document=document, measured=measured)
        return Response(whole.shown())


def shown(case: Case) -> dict[str, Any]:
    return ListedCase(**listed(case)).shown()


def listed(case: Case) -> dict[str, Any]:
    """The fields of a `ListedCase`."""
    return {
        "case": case.slug,
        "url": f"{settings.SITE_URL}/api/v1/cases/{case.slug}/",
        "page": f"{settings.SITE_URL}{case.get_absolute_url()}",
        "title": case.title,
        **({"short": case.short} if case.short else {}),
        "state": case.document.state,
        "is_reviewed": case.document.is_reviewed,
        "kind": case.kind,
        "status": case.status,
        "mechanism": case.mechanism,
        "mechanisms": case.mechanisms,
        "controllers": case.controllers,
        "time_bound": case.time_bound,
        "areas": case.areas,
        "summary": case.summary,
        "subsystems": sorted(subsystem.name for subsystem in case.subsystems.all()),
        "effects": [{"effect": e.effect, "manner": e.manner, "standing": e.standing} for e in case.effects.all()],
    }
