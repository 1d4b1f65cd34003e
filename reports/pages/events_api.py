"""What happened on the site, for whoever follows it: docs/events.md. Nothing is skipped: see people.journal_cursor."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Max
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case
from catalog.pages import events
from catalog.pages.events import Pick
from people import journal, journal_cursor
from people.models import Event, Machine
from rest import paging, parameters, problems
from rest.document.shapes import Shape, page_of

_PLACE = {"type": "string", "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?)?$"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 130}
_MOST_NAME = 130
_NAMES = ("case", "kernel", "machine")


class EventTold(Shape):
    at: datetime
    verb: str
    said: str = Field(description="The verb as history shows it.")
    actor: str | None = Field(default=None, description="Absent where no person did it.")
    subject_kind: str
    subject: str
    place: str = Field(description="To go on from, as `since`.")
    data: dict[str, Any] | None = Field(
        default=None,
        description="Of what was measured: on which kernel, by which machine and mover, from what to what.",
    )


class EventsView(APIView):
    @extend_schema(
        operation_id="events",
        parameters=[
            OpenApiParameter("since", _PLACE, description="The last event's `place`. Default: the beginning."),
            OpenApiParameter(
                "verb",
                {"type": "array", "items": {"type": "string", "enum": list(journal.VERBS)}},
                description="Only these; given more than once, any of them.",
            ),
            OpenApiParameter("case", _NAME, description="Only what concerns this case, by its slug."),
            OpenApiParameter("kernel", _NAME, description="Only of a line, such as 6.18, or a release."),
            OpenApiParameter("machine", _NAME, description="Only what concerns this machine."),
            paging.PARAMETERS[0],
        ],
        responses={
            200: page_of(EventTold, "Event"),
            **dict.fromkeys((400, 429), OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")),
        },
    )
    def get(self, request: Request) -> Response:
        """What happened after `since`, oldest first. The Link `next` is there even when nothing did: ask it later."""
        parameters.demand_known(request, "since", "limit", "verb", *_NAMES, every=(), several=("verb",))
        journal_cursor.give_places()
        since = journal_cursor.place(request.query_params.get("since", ""))
        if since is None:
            raise parameters.Wrong("since: expected the place of an event, such as 1796000000000000.")
        pick, size = _picked(request), paging.size(request)
        seen = events.visible_to(request.user)
        # Asked before the rows: what gets a place meanwhile lies behind it. A draft's place would tell of it.
        end = seen.aggregate(place=Max("place"))["place"] if pick.says_something else None
        asked = pick.rows(seen)
        rows = list(journal_cursor.after(asked, since).select_related("actor")[:size])
        last = rows[-1].place or 0 if rows else since
        if len(rows) < size:
            last = max(last, end or 0)
        query = [("since", last), ("limit", size), *((name, one) for name, one in _said(request))]
        following = f"{settings.SITE_URL}/api/v1/events/?{urlencode(query)}"
        document = {"results": [shown(row) for row in rows], "next": following}
        return Response(document, headers={"Link": f'<{following}>; rel="next"'})


def _said(request: Request) -> list[tuple[str, str]]:
    return [(name, one) for name in ("verb", *_NAMES) for one in request.query_params.getlist(name)]


def _picked(request: Request) -> Pick:
    """Raises `parameters.Wrong` for what cannot be meant: an answer with nothing would look like no news."""
    verbs = tuple(request.query_params.getlist("verb"))
    if unknown := [verb for verb in verbs if verb not in journal.VERBS]:
        raise parameters.Wrong(f"verb: {unknown[0][:40]!r} is none; expected of {', '.join(journal.VERBS)}.")
    names = {name: request.query_params.get(name, "") for name in _NAMES}
    for name, value in names.items():
        if name in request.query_params and not (0 < len(value) <= _MOST_NAME and value.isprintable()):
            raise parameters.Wrong(f"{name}: expected 1 to {_MOST_NAME} printable characters.")
    if names["case"]:
        # A draft is no case to whoever may not see it: nor do filters tell that there is one.
        case = Case.objects.visible_to(request.user, proposals=True).named(names["case"])
        if case is None:
            raise parameters.Wrong("case: there is no such case.")
        names["case"] = case.slug
    if names["machine"] and not Machine.objects.filter(name=names["machine"]).exists():
        raise parameters.Wrong("machine: there is no such machine.")
    return Pick(verbs, **names)


def shown(row: Event) -> dict[str, Any]:
    return EventTold(
        at=row.at,
        verb=row.verb,
        said=journal.said(row.verb),
        actor=row.actor.username if row.actor else None,
        subject_kind=row.subject_kind,
        subject=row.subject,
        place=str(row.place),
        data=events.data_of(row) or None,
    ).shown()
