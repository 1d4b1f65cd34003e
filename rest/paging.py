"""Lists of the API: cursor pages with `Link`, `limit` up to 200, rows under `results`.

A page goes on after the last row of the one before, by every column of its order: `WHERE (seen_at, id) < (…, …)`. An
offset among rows of one instant, as the framework's cursor has it, ends at 1,000, and a client goes round for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import F, Field, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

PARAMETERS = [
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, description="Rows a page."
    ),
    OpenApiParameter("cursor", str, description="From a Link header; opaque."),
]
USUAL, MOST = 50, 200


def size(request: Request) -> int:
    """How many rows a page is to have. Raises `ParseError`."""
    given = request.query_params.get("limit")
    if given is None:
        return USUAL
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= MOST):
        raise ParseError(f"limit: expected a whole number from 1 to {MOST}.")
    return int(given)


def answer(request: Request, rows: QuerySet[Any], ordering: tuple[str, ...], shown: Callable[[Any], Any]) -> Response:
    """One page of `rows`, each as `shown` makes it. `ordering`: columns that are never NULL and together unique, all
    ascending or all descending."""
    keys = Keyset(rows, ordering)
    nr_rows = size(request)
    way, place = keys.read(request.query_params.get("cursor"))
    found = list(keys.beyond(way, place)[: nr_rows + 1])
    has_more, page = len(found) > nr_rows, found[:nr_rows]
    if way == "prev":
        page.reverse()
    response = Response({"results": [shown(row) for row in page]})
    links = {"next": way == "prev" or has_more, "prev": has_more if way == "prev" else place is not None}
    made = [
        f'<{replace_query_param(request.build_absolute_uri(), "cursor", keys.cursor(rel, page))}>; rel="{rel}"'
        for rel, there in links.items()
        if there and page
    ]
    if made:
        response["Link"] = ", ".join(made)
    return response


class Keyset:
    """The order of a list, and cursors into it. They are signed: what somebody made up never reaches the database."""

    def __init__(self, rows: QuerySet[Any], ordering: tuple[str, ...]) -> None:
        self.rows = rows
        self.names = [name.removeprefix("-") for name in ordering]
        self.is_descending = ordering[0].startswith("-")
        if any(name.startswith("-") != self.is_descending for name in ordering):
            raise ValueError(f"one direction for all columns: {ordering}")
        self.signer = signing.Signer(salt=f"rest.paging {' '.join(ordering)}")

    def cursor(self, way: str, page: Sequence[Any]) -> str:
        row = page[-1] if way == "next" else page[0]
        values = [getattr(row, name) for name in self.names]
        texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
        return self.signer.sign_object([way, *texts])

    def read(self, cursor: str | None) -> tuple[str, list[Any] | None]:
        """Which way to go, and from where; from the beginning without a cursor. Raises `ParseError`."""
        if cursor is None:
            return "next", None
        try:
            way, *texts = self.signer.unsign_object(cursor)
        except (signing.BadSignature, ValueError):
            raise ParseError("cursor: expected one from a Link header.") from None
        return way, [field.to_python(text) for field, text in zip(self._fields(), texts, strict=True)]

    def beyond(self, way: str, place: list[Any] | None) -> QuerySet[Any]:
        """The rows that come after `place`, nearest first."""
        down = self.is_descending != (way == "prev")
        ordered = self.rows.order_by(*(F(name).desc() if down else F(name).asc() for name in self.names))
        if place is None:
            return ordered
        comparison = TupleLessThan if down else TupleGreaterThan
        return ordered.filter(comparison(Tuple(*map(F, self.names)), place))

    def _fields(self) -> list[Field[Any, Any]]:
        meta = self.rows.model._meta
        return [meta.pk if name == "pk" else meta.get_field(name) for name in self.names]


def schema(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["results"], "properties": {"results": {"type": "array", "items": of}}}
