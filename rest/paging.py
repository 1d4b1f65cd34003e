"""Lists of the API: cursor pages with `Link`, `limit` up to 200, rows under `results`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

PARAMETERS = [
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, description="Rows a page."
    ),
    OpenApiParameter("cursor", str, description="From a Link header; opaque."),
]


class Pages(CursorPagination):
    page_size = 50
    max_page_size = 200
    cursor_query_param = "cursor"

    def get_page_size(self, request: Request) -> int:
        given = request.query_params.get("limit")
        if given is None:
            return self.page_size
        if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= self.max_page_size):
            raise ParseError(f"limit: expected a whole number from 1 to {self.max_page_size}.")
        return int(given)

    def page_of(self, rows: QuerySet[Any], request: Request) -> list[Any]:
        """A cursor that was not made here may hold what the column cannot: no time, or a NUL."""
        try:
            return self.paginate_queryset(rows, request) or []
        except (ValidationError, DataError, NotFound):
            raise ParseError("cursor: expected one from a Link header.") from None

    def links(self) -> str:
        named = (("next", self.get_next_link()), ("prev", self.get_previous_link()))
        return ", ".join(f'<{url}>; rel="{name}"' for name, url in named if url)


def answer(request: Request, rows: QuerySet[Any], ordering: tuple[str, ...], shown: Callable[[Any], Any]) -> Response:
    """One page of `rows` in `ordering`, each as `shown` makes it."""
    pages = Pages()
    pages.ordering = ordering
    response = Response({"results": [shown(row) for row in pages.page_of(rows, request)]})
    if links := pages.links():
        response["Link"] = links
    return response


def schema(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["results"], "properties": {"results": {"type": "array", "items": of}}}
