"""`/api/v1/`: where everything else is."""

from __future__ import annotations

from django.conf import settings
from django.urls import NoReverseMatch, get_resolver, reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

SCHEMA = {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}


class RootView(APIView):
    @extend_schema(operation_id="root", tags=["root"], responses={200: SCHEMA})
    def get(self, request: Request) -> Response:
        """The addresses that need nothing filled in, by name; the OpenAPI document has all."""
        found = {name.removeprefix("api-"): settings.SITE_URL + path for name, path in _plain()}
        return Response({**found, "openapi": settings.SITE_URL + reverse("openapi")})


def _plain() -> list[tuple[str, str]]:
    made = []
    for name in get_resolver().reverse_dict:
        if isinstance(name, str) and name.startswith("api-") and name != "api-root":
            try:
                made.append((name, reverse(name)))
            except NoReverseMatch:
                continue  # it takes the name of something
    return sorted(made)
