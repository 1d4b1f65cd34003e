"""What happened on the site, for whoever follows it. Nothing is skipped: see people.journal_cursor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case, Strategy
from people import journal, journal_cursor
from people.models import Event, may
from rest import paging, parameters, problems
from rest.document.shapes import Shape, page_of

# Of what is not said about a case or a strategy, what is everybody's to know.
PUBLIC = (
    *("machine.added", "machine.trusted", "machine.withdrawn", "machine.new"),
    *("evidence.judged", "reports.replayed", "report.erased"),
)
_PLACE = {"type": "string", "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?)?$"}


class EventTold(Shape):
    at: datetime
    verb: str
    said: str = Field(description="The verb as history shows it.")
    actor: str | None = Field(default=None, description="Absent where no person did it.")
    subject_kind: str
    subject: str
    place: str = Field(description="To go on from, as `since`.")


class EventsView(APIView):
    @extend_schema(
        operation_id="events",
        parameters=[
            OpenApiParameter("since", _PLACE, description="The last event's `place`. Default: the beginning."),
            paging.PARAMETERS[0],
        ],
        responses={
            200: page_of(EventTold, "Event"),
            **dict.fromkeys((400, 429), OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")),
        },
    )
    def get(self, request: Request) -> Response:
        """What happened after `since`, oldest first. The Link `next` is there even when nothing did: ask it later."""
        parameters.demand_known(request, "since", "limit", every=())
        journal_cursor.give_places()
        since = journal_cursor.place(request.query_params.get("since", ""))
        if since is None:
            raise parameters.Wrong("since: expected the place of an event, such as 1796000000000000.")
        size = paging.size(request)
        rows = list(journal_cursor.after(visible_to(request.user), since).select_related("actor")[:size])
        last = rows[-1].place if rows else since
        following = f"{settings.SITE_URL}/api/v1/events/?since={last}&limit={size}"
        document = {"results": [_event(row) for row in rows], "next": following}
        return Response(document, headers={"Link": f'<{following}>; rel="next"'})


def visible_to(user: Any) -> QuerySet[Event]:
    """Maintainers see all; others what concerns cases and strategies that they see, and what is PUBLIC."""
    if may(user, "manage machines"):
        return Event.objects.all()
    cases = Case.objects.visible_to(user).values("slug")
    strategies = Strategy.objects.visible_to(user).values("slug")
    return Event.objects.filter(
        Q(verb__in=PUBLIC)
        | Q(subject_kind="case", subject__in=cases)
        | Q(subject_kind="strategy", subject__in=strategies)
    )


def _event(row: Event) -> dict[str, Any]:
    return EventTold(
        at=row.at,
        verb=row.verb,
        said=journal.said(row.verb),
        actor=row.actor.username if row.actor else None,
        subject_kind=row.subject_kind,
        subject=row.subject,
        place=str(row.place),
    ).shown()
