"""Which renderer answers. Almost every client takes anything, and then nothing has to be weighed."""

from __future__ import annotations

from collections.abc import Sequence

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class Negotiation(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        if request.META.get("HTTP_ACCEPT", "*/*") == "*/*" and not format_suffix:
            return renderers[0], str(renderers[0].media_type)
        return super().select_renderer(request, renderers, format_suffix)
