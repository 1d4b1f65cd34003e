"""What happened on the site, for whoever follows it. Nothing is skipped: see people.journal_cursor."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.models import Case, Strategy
from people import journal, journal_cursor
from people.models import Event, may
from rest import paging, problems

# Of what is not said about a case or a strategy, what is everybody's to know.
PUBLIC = (
    *("machine.added", "machine.trusted", "machine.withdrawn", "machine.new"),
    *("evidence.judged", "reports.replayed", "report.erased"),
)
_PLACE = {"type": "string", "pattern": "^([0-9]{1,18}(-[0-9]{1,18})?)?$"}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["at", "verb", "said", "subject_kind", "subject", "place"],
    "properties": {
        "at": {"type": "string", "format": "date-time"},
        "verb": {"type": "string"},
        "said": {"type": "string", "description": "The verb as history shows it."},
        "actor": {"type": "string", "description": "Absent where no person did it."},
        "subject_kind": {"type": "string"},
        "subject": {"type": "string"},
        "place": {"type": "string", "description": "To go on from, as `since`."},
    },
}


class EventsView(APIView):
    @extend_schema(
        operation_id="events",
        parameters=[
            OpenApiParameter("since", _PLACE, description="The last event's `place`. Default: the beginning."),
            paging.PARAMETERS[0],
        ],
        responses={
            200: paging.schema(EVENT),
            **dict.fromkeys((400, 429), OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")),
        },
    )
    def get(self, request: Request) -> Response:
        """What happened after `since`, oldest first. The Link `next` is there even when nothing did: ask it later."""
        journal_cursor.give_places()
        since = journal_cursor.place(request.query_params.get("since", ""))
        if since is None:
            raise ParseError("since: expected the place of an event, such as 1796000000000000.")
        size = paging.size(request)
        rows = list(journal_cursor.after(visible_to(request.user), since).select_related("actor")[:size])
        last = rows[-1].place if rows else since
        link = f'<{settings.SITE_URL}/api/v1/events/?since={last}&limit={size}>; rel="next"'
        return Response({"results": [_event(row) for row in rows]}, headers={"Link": link})


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
    made: dict[str, Any] = {
        "at": row.at,
        "verb": row.verb,
        "said": journal.said(row.verb),
        "subject_kind": row.subject_kind,
        "subject": row.subject,
        "place": str(row.place),
    }
    if row.actor:
        made["actor"] = row.actor.username
    return made
