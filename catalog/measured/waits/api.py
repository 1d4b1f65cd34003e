"""Who waits for what, as JSON."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.measured.waits.boots import boots
from catalog.measured.waits.evidence import measured
from catalog.measured.waits.matrix import OUTCOMES, matrix
from catalog.measured.waits.views import Shown, row
from rest import parameters, problems
from rest.document.shapes import URI, Shape, one_of

_PROBLEM = OpenApiResponse(problems.SCHEMA, "A problem document (RFC 9457).")


class ReadAt(Shape):
    """Where it stands in the source, found by machine in the tree of that release."""

    says: str
    file: str
    function: str
    line: int
    release: str


class CellRuns(Shape):
    """Runs of one case, on one build, that are conclusive."""

    case: str
    release: str
    outcomes: dict[str, int]
    runs: int
    in_guests: int | None = Field(default=None, description="How many of these were in guests; absent where none was.")
    boots: int | None = Field(default=None, description="In how many boots of guests.")


class WaitsCell(Shape):
    state: str
    mover: str
    outcome: str = Field(json_schema_extra=one_of(OUTCOMES))
    read: list[ReadAt]
    measured: list[CellRuns]
    agrees: bool | None = Field(default=None, description="Absent where nothing conclusive was measured.")
    note: str | None = None


class WaitsMover(Shape):
    slug: str
    label: str
    migrate_reason: str | None = None
    migrate_mode: str
    behind: str = Field(description="Who waits behind it while it sleeps.")


class WaitsState(Shape):
    slug: str
    label: str
    about: str
    cases: list[str]


class Waits(Shape):
    """Who waits for what, on one line of kernels."""

    kernel: str
    release: str = Field(description="Of the tree that was read.")
    kernels: list[str]
    page: str = Field(json_schema_extra=URI)
    movers: list[WaitsMover]
    states: list[WaitsState]
    cells: list[WaitsCell]


class WaitsView(APIView):
    @extend_schema(
        operation_id="waits",
        parameters=[
            OpenApiParameter("kernel", str, description="A line of kernels, such as 6.12. The newest if absent.")
        ],
        responses={200: Waits, 400: _PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """What each mover does at each state of a folio: what was read in the source, and what was measured."""
        parameters.demand_known(request, "kernel", every=())
        one = matrix()
        line = request.query_params.get("kernel") or one.kernels[-1]
        if line not in one.kernels:
            raise parameters.Wrong(f"kernel: expected one of {', '.join(one.kernels)}.")
        making = {made.case for state in one.states for made in state.made_by}
        seen = measured(one, request.user, boots(making, request.user))
        made = Waits(
            kernel=line,
            release=one.releases[line],
            kernels=list(one.kernels),
            page=f"{settings.SITE_URL}/waits/?kernel={line}",
            movers=[
                WaitsMover(
                    slug=mover.slug,
                    label=mover.label,
                    migrate_reason=mover.kernel.reason or None,
                    migrate_mode=mover.kernel.mode,
                    behind=mover.behind,
                )
                for mover in one.movers
            ],
            states=[
                WaitsState(
                    slug=state.slug, label=state.label, about=state.about, cases=[made.case for made in state.made_by]
                )
                for state in one.states
            ],
            cells=[
                _cell(state.slug, shown) for state in one.states for (shown,) in row(one, state, [line], seen).cells
            ],
        )
        return Response(made.shown())


def _cell(state: str, shown: Shown) -> WaitsCell:
    return WaitsCell(
        state=state,
        mover=shown.mover.slug,
        outcome=shown.read.outcome.slug,
        read=[
            ReadAt(says=one.says, file=one.file, function=one.function, line=one.line, release=one.release)
            for one in shown.read.because
        ],
        measured=[
            CellRuns(
                case=one.case,
                release=one.release,
                outcomes=dict(one.outcomes),
                runs=one.runs,
                in_guests=one.in_guests,
                boots=one.boots,
            )
            for one in shown.measured
            if one.conclusive
        ],
        agrees=shown.agrees,
        note=shown.read.note or None,
    )
