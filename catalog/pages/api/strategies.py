"""The proposed ways out, as JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.documents.current import strategy_text
from catalog.models import Case, Strategy
from catalog.revisions.api import SAVING, TextView
from rest import paging, parameters, problems
from rest.document.shapes import URI, Shape, page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class ServedCase(Shape):
    case: str
    effect: str
    why: str


class ListedStrategy(Shape):
    strategy: str = Field(description="The slug, the only id.")
    url: str = Field(json_schema_extra=URI)
    page: str = Field(json_schema_extra=URI)
    title: str
    approach: str
    state: str
    version: int | None = Field(default=None, description="Of the posted series, where that is known.")
    summary: str
    cases: list[ServedCase]


class OneStrategy(ListedStrategy):
    """A strategy, whole."""

    revision: int
    document: dict[str, Any] = Field(description="Everything that the strategy's text says.")


class StrategiesView(APIView):
    @extend_schema(
        operation_id="strategies",
        parameters=paging.PARAMETERS,
        responses={200: page_of(ListedStrategy, "Strategy"), 400: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """All strategies, by slug, each with the cases that it speaks of."""
        parameters.demand_known(request)
        visible = _visible_cases(request)
        rows = Strategy.objects.visible_to(request.user).for_list().order_by("slug")
        return paging.answer(request, rows, ("slug",), lambda one: _listed(one, visible).shown())


class StrategyView(TextView):
    kind = "strategy"

    @extend_schema(operation_id="put_strategy", **SAVING)
    def put(self, request: Request, slug: str) -> Response:
        """Change a strategy: the whole text, on top of the revision that `If-Match` names. For editors."""
        return self.save(request, slug)

    @extend_schema(
        operation_id="strategy",
        responses={(200, "application/json"): OneStrategy, (200, "text/markdown"): str, 404: _PROBLEM},
    )
    def get(self, request: Request, slug: str) -> Response:
        """One strategy: its text taken apart, with its states, objections and sources; or the text itself."""
        parameters.demand_known(request, every=())
        found = Strategy.objects.visible_to(request.user).for_page().filter(slug=slug).first()
        if found is None:
            raise Http404("There is no such strategy.")
        if (answer := self.text(request, found.document)) is not None:
            return answer
        current, text = found.document.current, strategy_text(found.document)
        if current is None or text is None:
            raise Http404("This release cannot take its text apart; as text/markdown it is there.")
        listed = _listed(found, _visible_cases(request))
        shown = {served.case for served in listed.cases}
        document = text.model_dump(mode="json", exclude_none=True)
        document["cases"] = [served for served in document["cases"] if served["case"] in shown]
        return Response(OneStrategy(**dict(listed), revision=current.n, document=document).shown())


def _visible_cases(request: Request) -> set[int]:
    return set(Case.objects.visible_to(request.user).values_list("pk", flat=True))


def _listed(strategy: Strategy, visible: set[int]) -> ListedStrategy:
    servings = [s for s in strategy.servings.all() if s.case_id is None or s.case_id in visible]
    return ListedStrategy(
        strategy=strategy.slug,
        url=f"{settings.SITE_URL}/api/v1{strategy.get_absolute_url()}",
        page=f"{settings.SITE_URL}{strategy.get_absolute_url()}",
        title=strategy.title,
        approach=strategy.approach,
        state=strategy.state,
        version=strategy.version or None,
        summary=strategy.summary,
        cases=[
            ServedCase(case=s.case_slug, effect=s.effect, why=s.why)
            for s in sorted(servings, key=lambda s: s.case_slug)
        ],
    )
