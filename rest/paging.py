"""Lists of the API: cursor pages with `Link`, `limit` up to 200, rows under `results`.

A page goes on after the last row of the one before, by every column of its order: `WHERE (seen_at, id) < (…, …)`. An
offset among rows of one instant, as the framework's cursor has it, ends at 1,000, and a client goes round for ever.

A list with filters that no index serves walks MOST_WALKED rows for a page, and answers with those that fit: fewer than
asked for, or none at all, while `next` says that there is more to walk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import F, Field, QuerySet
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from rest.parameters import Wrong

PARAMETERS = [
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, description="Rows a page."
    ),
    OpenApiParameter("cursor", str, description="From a Link header; opaque."),
]
USUAL, MOST = 50, 200
MOST_WALKED = 5_000
Kept = Callable[[QuerySet[Any]], QuerySet[Any]]


def size(request: Request) -> int:
    """How many rows a page is to have. Raises `Wrong`."""
    given = request.query_params.get("limit")
    if given is None:
        return USUAL
    if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= MOST):
        raise Wrong(f"limit: expected a whole number from 1 to {MOST}.")
    return int(given)


def answer(
    request: Request,
    rows: QuerySet[Any],
    ordering: tuple[str, ...],
    shown: Callable[[Any], Any],
    kept: Kept | None = None,
    prepared: Callable[[list[Any]], None] = lambda page: None,
) -> Response:
    """One page of `rows`, each as `shown` makes it. `ordering`: columns that are never NULL and together unique, all
    ascending or all descending. `kept` narrows `rows` by what no index serves. `prepared` sees the page first."""
    page = Keyset(rows, ordering).page(request.query_params.get("cursor"), size(request), kept)
    prepared(page.rows)
    document: dict[str, Any] = {"results": [shown(row) for row in page.rows]}
    here = request.build_absolute_uri()
    links = {rel: replace_query_param(here, "cursor", cursor) for rel, cursor in page.cursors.items()}
    if "next" in links:
        document["next"] = links["next"]
    response = Response(document)
    if links:
        response["Link"] = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items())
    return response


@dataclass(frozen=True)
class Page:
    """Some rows, and by `next` and `prev`, where there are, the cursors of those after and before them."""

    rows: list[Any]
    cursors: dict[str, str] = field(default_factory=dict)


class Keyset:
    """The order of a list, and cursors into it. They are signed: what somebody made up never reaches the database."""

    def __init__(self, rows: QuerySet[Any], ordering: tuple[str, ...]) -> None:
        self.rows = rows
        self.names = [name.removeprefix("-") for name in ordering]
        self.is_descending = ordering[0].startswith("-")
        if any(name.startswith("-") != self.is_descending for name in ordering):
            raise ValueError(f"one direction for all columns: {ordering}")
        self.signer = signing.Signer(salt=f"rest.paging {' '.join(ordering)}")

    def page(self, cursor: str | None, nr_rows: int, kept: Kept | None = None) -> Page:
        """The rows from `cursor` on, in the order of the list. Raises `Wrong`."""
        way, place = self.read(cursor)
        rows = self.beyond(way, place)
        last_walked = None
        if kept is not None:
            last_walked = rows[MOST_WALKED - 1 : MOST_WALKED].first()
            rows = kept(rows if last_walked is None else rows.filter(self._up_to(way, last_walked)))
        found = list(rows[: nr_rows + 1])
        has_more, page = len(found) > nr_rows, found[:nr_rows]
        ends = {way: page[-1] if has_more else last_walked}
        if place is not None and page:
            ends["prev" if way == "next" else "next"] = page[0]
        if way == "prev":
            page.reverse()
        cursors = {rel: self.cursor(rel, ends[rel]) for rel in ("next", "prev") if ends.get(rel) is not None}
        return Page(page, cursors)

    def cursor(self, way: str, row: Any) -> str:
        values = [getattr(row, name) for name in self.names]
        texts = [_written(value) for value in values]
        return self.signer.sign_object([way, *texts])

    def read(self, cursor: str | None) -> tuple[str, list[Any] | None]:
        """Which way to go, and from where; from the beginning without a cursor. Raises `Wrong`."""
        if cursor is None:
            return "next", None
        try:
            way, *texts = self.signer.unsign_object(cursor)
        except (signing.BadSignature, ValueError):
            raise Wrong("cursor: expected one from a Link header.") from None
        return way, [field.to_python(text) for field, text in zip(self._fields(), texts, strict=True)]

    def beyond(self, way: str, place: list[Any] | None) -> QuerySet[Any]:
        """The rows that come after `place`, nearest first."""
        down = self.is_descending != (way == "prev")
        ordered = self.rows.order_by(*(F(name).desc() if down else F(name).asc() for name in self.names))
        if place is None:
            return ordered
        comparison = TupleLessThan if down else TupleGreaterThan
        return ordered.filter(comparison(Tuple(*map(F, self.names)), place))

    def _up_to(self, way: str, row: Any) -> TupleGreaterThanOrEqual | TupleLessThanOrEqual:
        down = self.is_descending != (way == "prev")
        comparison = TupleGreaterThanOrEqual if down else TupleLessThanOrEqual
        return comparison(Tuple(*map(F, self.names)), [getattr(row, name) for name in self.names])

    def _fields(self) -> list[Field[Any, Any]]:
        meta = self.rows.model._meta
        return [meta.pk if name == "pk" else meta.get_field(name) for name in self.names]


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
