"""The results of a search: one page for all that can be found, narrowed by kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.models import Entry
from catalog.search import engine, highlights
from rest import parameters

ON_A_PAGE = 20
# Kind of entry: what its heading says. Kinds that other apps add stand as they are called.
KINDS = {"case": "Cases", "strategy": "Strategies", "comment": "Comments"}


@dataclass(frozen=True)
class Result:
    entry: Entry
    title: highlights.Pieces
    excerpt: highlights.Pieces
    state: str
    label: str


@dataclass(frozen=True)
class Tab:
    label: str
    count: int
    query: str
    chosen: bool


@dataclass(frozen=True)
class Found:
    """What the templates call `found`, as the list of cases does."""

    words: str


def results(request: HttpRequest) -> HttpResponse:
    parameters.demand_known(request, "q", "kind", "page", every=())
    query = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    answer = engine.search(request.user, query)
    counts = Counter(kind for _, kind in answer.rows)
    kind = request.GET.get("kind", "")
    kind = kind if counts[kind] else ""
    rows = [pk for pk, found in answer.rows if kind in ("", found)]
    shown = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    page = {
        "found": Found(query),
        "answer": answer,
        "understood": [term for term in answer.terms if term.how],
        "results": _results(shown, answer),
        "shown": shown,
        "tabs": _tabs(query, kind, counts) if len(counts) > 1 else [],
        "query": urlencode({"q": query, **({"kind": kind} if kind else {})}),
        "is_full": len(answer.rows) == engine.MAX_FOUND,
    }
    return render(request, "catalog/search.html", page)


def _results(shown: Page[int], answer: engine.Answer) -> list[Result]:
    """One query for the entries of one page, with what their documents are."""
    wanted = list(shown)
    entries = Entry.objects.select_related("document__case", "document__strategy").in_bulk(wanted)
    pattern = answer.pattern
    return [_result(entries[pk], pattern) for pk in wanted if pk in entries]


def _result(entry: Entry, pattern: highlights.Pattern) -> Result:
    state = label = ""
    if not entry.key and entry.document.kind == "case":
        state, label = entry.document.case.status, entry.document.case.status_word.label
    elif not entry.key:
        label = entry.document.strategy.state_word.label
    return Result(entry, highlights.marked(entry.title, pattern), highlights.excerpt(entry.body, pattern), state, label)


def _tabs(query: str, chosen: str, counts: Counter[str]) -> list[Tab]:
    tabs = [Tab("All", counts.total(), "?" + urlencode({"q": query}), not chosen)]
    known = [*KINDS, *sorted(counts.keys() - KINDS.keys())]
    return tabs + [
        Tab(KINDS.get(kind, kind), counts[kind], "?" + urlencode({"q": query, "kind": kind}), kind == chosen)
        for kind in known
        if counts[kind]
    ]
