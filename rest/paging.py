"""Lists of the API: cursor pages with `Link`, `limit` up to 200, rows under `results`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ParseError
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
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= self.max_page_size):
            raise ParseError(f"limit: expected a whole number from 1 to {self.max_page_size}.")
        return int(given)

    def links(self) -> str:
        named = (("next", self.get_next_link()), ("prev", self.get_previous_link()))
        return ", ".join(f'<{url}>; rel="{name}"' for name, url in named if url)


def answer(request: Request, rows: QuerySet[Any], ordering: tuple[str, ...], shown: Callable[[Any], Any]) -> Response:
    """One page of `rows` in `ordering`, each as `shown` makes it."""
    pages = Pages()
    pages.ordering = ordering
    page = pages.paginate_queryset(rows, request)
    response = Response({"results": [shown(row) for row in page or []]})
    if links := pages.links():
        response["Link"] = links
    return response


def schema(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["results"], "properties": {"results": {"type": "array", "items": of}}}
