"""Who a token speaks for."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.access.authentication import Sender
from people.models import Scope, Standing, User
from rest import problems

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "person": {"type": "string", "description": "Whose machine it is, or who is signed in."},
        "role": {"type": "string", "description": "Absent for a machine."},
        "machine": {"type": "string"},
        "standing": {"type": "string", "enum": Standing.values, "description": "Only a trusted machine's runs count."},
        "scopes": {"type": "array", "items": {"type": "string", "enum": Scope.values}},
        "token_prefix": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time", "description": "Absent where it never does."},
    },
}


class WhoAmIView(APIView):
    @extend_schema(
        operation_id="whoami", responses={200: SCHEMA, 401: OpenApiResponse(problems.SCHEMA, "A problem document.")}
    )
    def get(self, request: Request) -> Response:
        """The machine behind the token, or the person behind the session."""
        if isinstance(request.auth, Sender):
            return Response(_machine(request.auth), headers={"Cache-Control": "no-store"})
        if isinstance(request.user, User):
            told = {"person": request.user.username, "role": request.user.role}
            return Response(told, headers={"Cache-Control": "no-store"})
        raise NotAuthenticated("Send a machine's token: Authorization: Bearer TOKEN")


def _machine(sender: Sender) -> dict[str, Any]:
    made: dict[str, Any] = {
        "person": sender.machine.owner.username,
        "machine": sender.machine.name,
        "standing": sender.machine.standing,
        "scopes": sorted(sender.scopes),
        "token_prefix": sender.token.prefix,
    }
    if sender.token.expires_at:
        made["expires_at"] = sender.token.expires_at
    return made
