"""The text of a case or strategy over REST: read it as Markdown, and put a changed one back.

    curl -H "Accept: text/markdown" …/api/v1/cases/fuse-writeback/ > fuse-writeback.md        ETag: "3"
    curl -X PUT --data-binary @fuse-writeback.md -H "Content-Type: text/markdown" -H 'If-Match: "3"' …

The ETag of a text is the number of its revision. Without If-Match nothing is changed (428); where another revision
was saved meanwhile neither (412).

Unfit         the text is no document; `.document()` is the problem document with every line
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import Field
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.documents.parser import MAX_CHARACTERS, Malformed, Problem
from catalog.models import Document
from catalog.models.text import Origin
from catalog.revisions import review, store
from people.access.authentication import person_of
from rest import etags, problems
from rest.document.shapes import URI, Shape

MEDIA_TYPE = "text/markdown"
MAX_BYTES = 4 * MAX_CHARACTERS
MAX_NOTE = 200


class Unfit(problems.Documented):
    def __init__(self, status: int, title: str, found: list[Problem], text: str = "") -> None:
        self.status, self.title, self.problems, self.text = status, title, found, text
        super().__init__(title)

    def document(self) -> dict[str, Any]:
        lines = self.text.split("\n")
        errors = [
            {
                "where": f"{one.line}:1",
                "expected": f"{one.field}: {one.message}" if one.field else one.message,
                "found": lines[one.line - 1][:200] if one.line <= len(lines) else "",
            }
            for one in self.problems
        ]
        return {**problems.made(self.status, self.title), **({"errors": errors} if errors else {})}


class Markdown(JSONRenderer):
    """A text as it is; an error in its place stays JSON."""

    media_type = MEDIA_TYPE
    format = "md"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return data.encode() if isinstance(data, str) else super().render(data, accepted_media_type, renderer_context)


class Text(BaseParser):
    """A body of UTF-8, byte for byte."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: Any = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Unfit(413, f"The text is longer than {MAX_BYTES} bytes.", [])
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise Unfit(422, f"The text is not UTF-8: byte {error.start} is not.", []) from None


class PlainText(Text):
    media_type = "text/plain"


class Bytes(Text):
    media_type = "application/octet-stream"


class TextView(APIView):
    """What the views of a case and of a strategy share. `kind` is the document's."""

    kind = ""
    renderer_classes = [JSONRenderer, Markdown]
    parser_classes = [Text, PlainText, Bytes]

    def text(self, request: Request, document: Document) -> Response | None:
        """The answer where the request asks for the text itself."""
        if not isinstance(request.accepted_renderer, Markdown):
            return None
        current = document.current
        assert current is not None
        if not review.may_read(request.user, current):
            raise Http404("This text names something that is not public yet.")
        return Response(current.text, content_type=f"{MEDIA_TYPE}; charset=utf-8", headers={"ETag": tag(current.n)})

    def save(self, request: Request, slug: str) -> Response:
        """Makes the body the text of a document, on behalf of whoever may edit it."""
        visible = Document.objects.visible_to(request.user).select_related("current")
        document = visible.filter(kind=self.kind, slug=slug, current__isnull=False).first()
        person = person_of(request)
        if document is None:
            raise Http404(f"There is no such {self.kind}.")
        if not review.may_edit(person, document):
            raise PermissionDenied("Your role may not edit this.")
        assert document.current is not None
        etags.demand_match(request, tag(document.current.n))
        note = request.query_params.get("note", "").replace("\x00", "")[:MAX_NOTE]
        given = {"origin": Origin.SITE, "author": person, "base": document.current.n, "of": document, "note": note}
        text = request.data if isinstance(request.data, str) else ""  # no body at all is no text to the parser
        try:
            saved = store.save(text, **given)
        except Malformed as error:
            raise Unfit(422, "The text is not a document of the catalog.", error.problems, text) from None
        except store.Conflict as error:  # somebody was faster since the line above
            etags.demand_match(request, tag(error.current.n))
            raise
        made = Saved(
            case=slug if self.kind == "case" else None,
            strategy=slug if self.kind == "strategy" else None,
            revision=saved.n,
            url=f"{settings.SITE_URL}/api/v1{document.get_absolute_url()}",
            page=f"{settings.SITE_URL}{document.get_absolute_url()}",
        )
        return Response(made.shown(), headers={"ETag": tag(saved.n)})


def tag(n: int) -> str:
    return f'"{n}"'


_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class Saved(Shape):
    """What a text became by a change."""

    case: str | None = None
    strategy: str | None = None
    revision: int
    url: str = Field(json_schema_extra=URI)
    page: str = Field(json_schema_extra=URI)


SAVING: dict[str, Any] = {
    "request": {"application/octet-stream": OpenApiTypes.BINARY},  # of text/markdown no generator makes a call
    "parameters": [
        OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True, description='The revision: "3"'),
        OpenApiParameter("note", str, description="What was changed, and why; a line for the history."),
    ],
    "responses": {200: Saved, **dict.fromkeys((401, 403, 404, 412, 413, 415, 422, 428), _PROBLEM)},
}
