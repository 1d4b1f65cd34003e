"""Who a token speaks for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.access.authentication import Sender
from people.models import Standing, User
from rest import parameters, problems
from rest.document.shapes import Shape, one_of


class WhoAmI(Shape):
    """The machine behind a token, or the person behind a session."""

    person: str = Field(description="Whose machine it is, or who is signed in.")
    role: str | None = Field(default=None, description="Absent for a machine.")
    machine: str | None = None
    standing: str | None = Field(
        default=None, description="Only a trusted machine's runs count.", json_schema_extra=one_of(Standing.values)
    )
    scopes: list[str] | None = None
    token_prefix: str | None = None
    expires_at: datetime | None = Field(default=None, description="Absent where it never does.")


class WhoAmIView(APIView):
    @extend_schema(
        operation_id="whoami", responses={200: WhoAmI, 401: OpenApiResponse(problems.SCHEMA, "A problem document.")}
    )
    def get(self, request: Request) -> Response:
        """The machine behind the token, or the person behind the session."""
        parameters.demand_known(request, every=())
        if isinstance(request.auth, Sender):
            return Response(_machine(request.auth), headers={"Cache-Control": "no-store"})
        if isinstance(request.user, User):
            told = WhoAmI(person=request.user.username, role=request.user.role)
            return Response(told.shown(), headers={"Cache-Control": "no-store"})
        raise NotAuthenticated("Send a machine's token: Authorization: Bearer TOKEN")


def _machine(sender: Sender) -> dict[str, Any]:
    return WhoAmI(
        person=sender.machine.owner.username,
        machine=sender.machine.name,
        standing=sender.machine.standing,
        scopes=sorted(sender.scopes),
        token_prefix=sender.token.prefix,
        expires_at=sender.token.expires_at,
    ).shown()
