"""The ledger in the browser: every report, picked by the address."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.models import Case
from diagnosis.words.vocabulary import OUTCOMES
from people.models import may
from reports.intake.formats import registry
from reports.intake.refusals import KINDS
from reports.models import State
from reports.pages.drawings.grid import grid
from reports.pages.ledger import ledger
from reports.pages.rows import ledger_rows
from reports.totals import counters
from reports.worker import filters, requeue
from rest import paging, parameters
from rest.problems import KINDS as ANYWHERE

ROWS = 50


def reports(request: HttpRequest) -> HttpResponse:
    parameters.demand_known(request, *filters.NAMES, every=("cursor",))
    pick = filters.read(request.GET)
    cases = Case.objects.visible_to(request.user, proposals=True)
    keys = paging.Keyset(pick.base(cases).select_related("machine"), ("-received_at", "-id"))
    found = keys.page(request.GET.get("cursor"), ROWS, lambda rows: pick.kept(rows, cases))
    may_replay = may(request.user, "reingest")
    page = {
        "lines": ledger_rows.of(found.rows, request.user),
        "links": {rel: "?" + urlencode({**pick.said, "cursor": cursor}) for rel, cursor in found.cursors.items()},
        "nr_rows": counters.by_state()[pick.state] if pick.state and pick.is_of_state_alone else None,
        "ledger": ledger(),
        "grid": None if pick.says_something or "cursor" in request.GET else grid(request.user),
        "pick": pick,
        "formats": registry.FORMATS.values(),
        "states": State.values,
        "outcomes": OUTCOMES,
        "may_replay": may_replay,
        "nr_to_queue": requeue.nr_left_of_all() if may_replay else 0,
        "may_judge": may(request.user, "judge"),
        "here": "reports",
    }
    return render(request, "reports/reports.html", page)


def problems(request: HttpRequest) -> HttpResponse:
    kinds = {**KINDS, **ANYWHERE}
    return render(request, "reports/problems.html", {"kinds": kinds.items(), "here": "api"})
