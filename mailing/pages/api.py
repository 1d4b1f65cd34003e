"""What a person follows, as JSON: read, followed, changed, stopped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Document
from mailing.follows import following, subjects
from mailing.models import Cadence, Follow, Kind
from people.access.authentication import person_of
from rest import paging, parameters, problems
from rest.document.shapes import URI, Shape, one_of, page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
_NAMES = "A slug; of `kernel` a line such as 6.18, or a release of it; absent of `unmatched`."


class FollowTold(Shape):
    kind: str = Field(json_schema_extra=one_of(tuple(Kind.values)))
    name: str | None = Field(default=None, description=_NAMES)
    cadence: str = Field(json_schema_extra=one_of(tuple(Cadence.values)))
    page: str = Field(json_schema_extra=URI)
    since: datetime


class Following(Shape):
    """`off` is kept, and stops mail of it whatever else is followed."""

    kind: str = Field(json_schema_extra=one_of(tuple(Kind.values)))
    name: str | None = Field(default=None, description=_NAMES, max_length=subjects.MOST_NAME)
    cadence: str = Field(json_schema_extra=one_of(tuple(Cadence.values)))


class NotFollowed(problems.Documented):
    def __init__(self, status: int, title: str, errors: list[dict[str, str]]) -> None:
        self.status, self.title, self.errors = status, title, errors
        super().__init__(title)

    def document(self) -> dict[str, Any]:
        return {**problems.made(self.status, self.title), **({"errors": self.errors} if self.errors else {})}


class FollowsView(APIView):
    @extend_schema(
        operation_id="follows",
        parameters=paging.PARAMETERS,
        responses={200: page_of(FollowTold, "Follow"), 400: _PROBLEM, 401: _PROBLEM, 403: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """What is followed by mail: by the session's person, or by the owner of a token that may curate."""
        parameters.demand_known(request)
        person = person_of(request)
        visible = Document.objects.visible_to(person).values("pk")
        mine = Follow.objects.filter(user=person).select_related("document")
        rows = mine.filter(document=None) | mine.filter(document__in=visible)
        return paging.answer(request, rows, ("id",), listed)

    @extend_schema(
        operation_id="follow",
        request={"application/json": Following},
        responses={200: FollowTold, **dict.fromkeys((400, 401, 403, 409, 422, 429), _PROBLEM)},
    )
    def post(self, request: Request) -> Response:
        """Follows something, changes how often, or turns it off. Saying it twice changes nothing."""
        person = person_of(request)
        given = request.data if isinstance(request.data, dict) else {}
        kind, name, cadence = (_text(given.get(one)) for one in ("kind", "name", "cadence"))
        errors = [
            {"where": f"/{where}", "expected": f"one of {', '.join(known)}", "found": found[:200] or "nothing"}
            for where, found, known in (("kind", kind, Kind.values), ("cadence", cadence, Cadence.values))
            if found not in known
        ]
        shown = subjects.found(kind, name, person) if not errors else None
        if shown is None:
            there = {"where": "/name", "expected": "something of that name", "found": name[:200] or "nothing"}
            raise NotFollowed(422, "There is nothing like that to follow.", errors or [there])
        try:
            made = following.set_cadence(person, shown.subject, cadence)
        except following.TooMany as error:
            raise NotFollowed(409, str(error), []) from None
        return Response(listed(made))


def listed(follow: Follow) -> dict[str, Any]:
    shown = subjects.of(follow)
    return FollowTold(
        kind=follow.kind,
        name=shown.slug or None,
        cadence=follow.cadence,
        page=settings.SITE_URL + shown.path,
        since=follow.created_at,
    ).shown()


def _text(given: Any) -> str:
    return given if isinstance(given, str) else ""
