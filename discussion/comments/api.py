"""What people say of a case or a strategy, as JSON: to read for whoever sees it, to say for who may comment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from pydantic import Field
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Document
from discussion.comments import threads
from discussion.comments.forms import CommentForm
from discussion.models import Comment
from people.access.authentication import person_of
from people.models import may
from rest import paging, parameters, problems
from rest.document.shapes import URI, Shape, one_of, page_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class CommentTold(Shape):
    comment: int = Field(description="Its number, which is also its address: /c/<number>/.")
    page: str = Field(json_schema_extra=URI)
    on: str = Field(description="The slug of the case or strategy.")
    parent: int | None = Field(default=None, description="What it answers; absent where it begins a thread.")
    author: str
    standing: str = Field(json_schema_extra=one_of(("shown", "waiting", "hidden")))
    text: str | None = Field(default=None, description="CommonMark. Absent where a moderator hid it.")
    created_at: datetime
    edited_at: datetime | None = None
    resolved_at: datetime | None = None


class Saying(Shape):
    """A comment that is to be said."""

    text: str = Field(max_length=Comment.MAX_CHARACTERS)
    parent: int | None = Field(default=None, description="The comment that it answers.")


class Unsaid(problems.Documented):
    """It was not taken. `.document()` says why."""

    def __init__(self, status: int, title: str, errors: list[dict[str, str]]) -> None:
        self.status, self.title, self.errors = status, title, errors
        super().__init__(title)

    def document(self) -> dict[str, Any]:
        return {**problems.made(self.status, self.title), **({"errors": self.errors} if self.errors else {})}


class CommentsView(APIView):
    kind = ""

    @extend_schema(
        parameters=paging.PARAMETERS, responses={200: page_of(CommentTold, "Comment"), 400: _PROBLEM, 404: _PROBLEM}
    )
    def get(self, request: Request, slug: str) -> Response:
        """What was said of it, oldest first."""
        parameters.demand_known(request)
        comments = Comment.objects.visible_to(request.user).filter(document=self._about(request, slug))
        return paging.answer(request, comments.in_order(), ("id",), lambda one: listed(one, request.user))

    @extend_schema(
        request={"application/json": Saying},
        responses={201: CommentTold, **dict.fromkeys((401, 403, 404, 409, 422, 429), _PROBLEM)},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Says something. Needs a session, or a token that may curate."""
        by = person_of(request)
        about = self._about(request, slug)
        if not may(by, "comment"):
            raise PermissionDenied("Your role may read, not comment.")
        given = request.data if isinstance(request.data, dict) else {}
        form = CommentForm(about, by, {"text": _text(given.get("text")), "parent": _number(given.get("parent"))})
        if not form.is_valid():
            raise Unsaid(422, "This was not said.", _errors(form, given))
        try:
            said = threads.say(about, by, form.cleaned_data["text"], form.cleaned_data["parent"])
        except threads.TooMany as error:
            raise Throttled(error.wait_seconds, str(error)) from None
        except threads.CannotBeSaid as error:
            raise Unsaid(409, str(error), []) from None
        headers = {"Location": settings.SITE_URL + said.permalink}
        return Response(listed(said, by), status=201, headers=headers)

    def _about(self, request: Request, slug: str) -> Document:
        found = Document.objects.visible_to(request.user).filter(kind=self.kind, slug=slug).first()
        if found is None:
            raise Http404(f"There is no such {self.kind}.")
        return found


@extend_schema_view(get=extend_schema(operation_id="case_comments"), post=extend_schema(operation_id="say_of_case"))
class CaseCommentsView(CommentsView):
    kind = "case"


@extend_schema_view(
    get=extend_schema(operation_id="strategy_comments"), post=extend_schema(operation_id="say_of_strategy")
)
class StrategyCommentsView(CommentsView):
    kind = "strategy"


def listed(comment: Comment, reader: Any) -> dict[str, Any]:
    return CommentTold(
        comment=comment.pk,
        page=settings.SITE_URL + comment.permalink,
        on=comment.document.slug,
        parent=comment.parent_id,
        author=comment.author.username,
        standing=str(comment.visibility),
        text=comment.text if comment.readable_by(reader) else None,
        created_at=comment.created_at,
        edited_at=comment.edited_at,
        resolved_at=comment.resolved_at,
    ).shown()


def _text(given: Any) -> str:
    return given if isinstance(given, str) else ""


def _number(given: Any) -> str:
    """A float or a list is no comment's number, and no form expects one."""
    return "" if given is None else str(given) if isinstance(given, int | str) else "none"


def _errors(form: CommentForm, given: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"where": f"/{name}", "expected": str(message), "found": str(given.get(name, "nothing"))[:200]}
        for name, messages in form.errors.items()
        for message in messages
    ]
