"""One's own machines and their tokens over REST, for automation. What a token may do here: people.access.keeper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from people.access import machines as keeping
from people.access.keeper import Keeper, keeper
from people.models import Machine, Token
from reports.machines.shapes import (
    MachineTold,
    MadeToken,
    NewMachine,
    Rights,
    TokenTold,
    Unmade,
    machine_told,
    token_told,
    wanted,
)
from rest import paging, parameters, problems
from rest.document.shapes import page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")
_DENIED: Any = dict.fromkeys((401, 403), _PROBLEM)
_NOT_FOUND: Any = {**_DENIED, 404: _PROBLEM}
_PRIVATE = {"Cache-Control": "no-store"}
_NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, description="A machine of yours.")
_TOKEN = OpenApiParameter("token", OpenApiTypes.INT, OpenApiParameter.PATH, description="Its number in the list.")


class KeepingView(APIView):
    @property
    def limit(self) -> str:
        return "read" if self.request.method in ("GET", "HEAD", "OPTIONS") else "write"


class MachinesView(KeepingView):
    @extend_schema(
        operation_id="machines",
        parameters=paging.PARAMETERS,
        responses={200: page_of(MachineTold, "Machine"), 400: _PROBLEM, **_DENIED},
    )
    def get(self, request: Request) -> Response:
        """The machines of who asks, in the order in which they were added."""
        parameters.demand_known(request)
        rows = keeper(request).person.machines.all()
        return _private(paging.answer(request, rows, ("id",), machine_told))

    @extend_schema(
        operation_id="add_machine",
        request={"application/json": NewMachine},
        responses={201: MadeToken, **dict.fromkeys((400, 409, 415, 422), _PROBLEM), **_DENIED},
    )
    def post(self, request: Request) -> Response:
        """Adds a machine, with a first token. One that is there already gets tokens at its own address (409)."""
        parameters.demand_known(request, every=())
        by = _maker(request)
        asked = wanted(NewMachine, request)
        by.demand_giving(asked.scopes)
        if by.person.machines.filter(name=asked.name).exists():
            raise Unmade(409, "You have a machine of this name: make it a token.")
        with _refusals("/name", asked.name):
            end = by.end(asked.days)
            secret = keeping.add(asked.name, by.person, tuple(asked.scopes), end, by.trusts, **by.told)
        return _made(secret)


class MachineView(KeepingView):
    @extend_schema(operation_id="machine", parameters=[_NAME], responses={200: MachineTold, **_NOT_FOUND})
    def get(self, request: Request, name: str) -> Response:
        """One machine of who asks."""
        parameters.demand_known(request, every=())
        return Response(machine_told(_own(keeper(request), name)), headers=_PRIVATE)


class TokensView(KeepingView):
    @extend_schema(
        operation_id="tokens",
        parameters=[_NAME, *paging.PARAMETERS],
        responses={200: page_of(TokenTold, "Token"), 400: _PROBLEM, **_NOT_FOUND},
    )
    def get(self, request: Request, name: str) -> Response:
        """The tokens of a machine, newest first, those that no longer open too."""
        parameters.demand_known(request)
        rows = _own(keeper(request), name).tokens.select_related("machine")
        return _private(paging.answer(request, rows, ("-id",), lambda row: token_told(row).shown()))

    @extend_schema(
        operation_id="make_token",
        parameters=[_NAME],
        request={"application/json": Rights},
        responses={201: MadeToken, **dict.fromkeys((400, 415, 422), _PROBLEM), **_NOT_FOUND},
    )
    def post(self, request: Request, name: str) -> Response:
        """Makes a token. By a token: with no right that it lacks, never with the scope machines, for no longer."""
        parameters.demand_known(request, every=())
        by = _maker(request)
        machine = _own(by, name)
        asked = wanted(Rights, request)
        by.demand_giving(asked.scopes)
        with _refusals("/", machine.name):
            secret = keeping.make_token(machine, by.person, tuple(asked.scopes), by.end(asked.days), **by.told)
        return _made(secret)


class TokenView(KeepingView):
    @extend_schema(operation_id="token", parameters=[_NAME, _TOKEN], responses={200: TokenTold, **_NOT_FOUND})
    def get(self, request: Request, name: str, token: int) -> Response:
        """One token."""
        parameters.demand_known(request, every=())
        return Response(token_told(_token(keeper(request), name, token)).shown(), headers=_PRIVATE)


class RevokeView(KeepingView):
    @extend_schema(
        operation_id="revoke_token", parameters=[_NAME, _TOKEN], request=None, responses={200: TokenTold, **_NOT_FOUND}
    )
    def post(self, request: Request, name: str, token: int) -> Response:
        """Revokes a token: requests with it get 401 from now on. It stays listed; a second time changes nothing."""
        parameters.demand_known(request, every=())
        by = keeper(request)
        keeping.revoke(_token(by, name, token), by.person, **by.told)
        return Response(token_told(_token(by, name, token)).shown(), headers=_PRIVATE)


class RotateView(KeepingView):
    @extend_schema(
        operation_id="rotate_token",
        parameters=[_NAME, _TOKEN],
        request=None,
        responses={201: MadeToken, **dict.fromkeys((409, 422), _PROBLEM), **_NOT_FOUND},
    )
    def post(self, request: Request, name: str, token: int) -> Response:
        """Makes a token with the same rights and as long a life; the old one opens for a day more. A token may renew
        itself."""
        parameters.demand_known(request, every=())
        by = _maker(request)
        with transaction.atomic():
            old = _token(by, name, token, is_locked=True)
            by.demand_renewing(old)
            if not token_told(old).opens:
                raise Unmade(409, "This token opens nothing any more: make another.")
            with _refusals("/", old.machine.name):
                secret = keeping.rotate(old, by.person, **by.told)
        return _made(secret)


def _maker(request: Request) -> Keeper:
    by = keeper(request)
    by.demand_making()
    return by


def _own(by: Keeper, name: str) -> Machine:
    """Of somebody else's nothing is told here: its page has what is public."""
    found = by.person.machines.filter(name=name.replace("\x00", "")).first()
    if found is None:
        raise Http404("You have no machine of this name.")
    return found


def _token(by: Keeper, name: str, number: int, is_locked: bool = False) -> Token:
    rows = Token.objects.select_related("machine").filter(machine=_own(by, name), pk=number)
    found = (rows.select_for_update(of=("self",), no_key=True) if is_locked else rows).first()
    if found is None:
        raise Http404("This machine has no such token.")
    return found


@contextmanager
def _refusals(where: str, found: str) -> Iterator[None]:
    """What the rules of machines refuse, as 422."""
    try:
        yield
    except ValidationError as error:
        errors = [{"where": where, "expected": said, "found": found} for said in error.messages]
        raise Unmade(422, "Nothing was made.", errors) from None


def _made(secret: str) -> Response:
    token = Token.objects.holding(secret)
    assert token is not None
    made = MadeToken(token=token_told(token), secret=secret)
    at = f"{settings.SITE_URL}/api/v1/machines/{token.machine.name}/tokens/{token.pk}/"
    return Response(made.shown(), status=201, headers={**_PRIVATE, "Location": at})


def _private(answer: Response) -> Response:
    answer["Cache-Control"] = "no-store"
    return answer
