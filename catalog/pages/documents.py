"""The catalog in the browser: one case, strategies, one strategy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.documents.current import strategy_text
from catalog.documents.parser import Malformed, parse
from catalog.documents.schema import CaseText, StrategyText
from catalog.measured import overview
from catalog.measured.ways_out import effect, table, tried
from catalog.models import Alias, Case, Document, Revision, Serving, Strategy
from catalog.pages import exports, sections
from catalog.pages.case_page import contents, share, whole
from catalog.pages.listing import pipeline
from catalog.revisions import review, steering
from catalog.text import export_formats, links
from diagnosis.words.vocabulary import APPROACHES, STRATEGY_EFFECTS, STRATEGY_STATES, look_up, rank
from people.models import User, may


@dataclass(frozen=True)
class Preview:
    """A text that nobody has saved, and the form that holds it meanwhile."""

    text: str
    form: Any


def case(request: HttpRequest, slug: str, n: int | None = None) -> HttpResponse:
    """One case; with `n`, as its text stood at that revision."""
    found = Case.objects.visible_to(request.user, proposals=True).for_page().named(slug)
    if found is None:
        raise Http404("There is no such case.")
    if found.slug != slug:
        address = (found.slug,) if n is None else (found.slug, n)
        return redirect("case" if n is None else "case-snapshot", *address, permanent=True)
    return show_case(request, found, _revision(request, found, n), is_snapshot=n is not None)


def show_case(
    request: HttpRequest, found: Case, revision: Revision, is_snapshot: bool = False, preview: Preview | None = None
) -> HttpResponse:
    """The page of a case, with its text as `revision` has it, or as somebody who edits it would like to see it."""
    try:
        text = parse(preview.text if preview else revision.text)
    except Malformed:  # an old text, from before a field was renamed
        return _as_written(request, found.document, revision)
    assert isinstance(text, CaseText)
    only_text = is_snapshot or preview is not None
    summaries = overview.summaries(found)
    if not only_text and (made := export_formats.answer(request, lambda: exports.case(found, text, summaries))):
        return made
    served = _served(found, request.user, measured=not only_text)
    offered = [] if only_text else sections.for_page(request, found.document)
    page: dict[str, Any] = {
        "case": found,
        "text": text,
        "revision": revision,
        "is_snapshot": is_snapshot,
        "only_text": only_text,
        "preview": preview,
        "review": None if only_text else review.review_of(found.document, request.user),
        "summaries": summaries,
        "strategies": [row for row in served if row[1].effect != "does_not_apply"],
        "no_help": [row for row in served if row[1].effect == "does_not_apply"],
        "reproducers": [part for part in offered if part.place == "reproduce"],
        "behind_evidence": [part for part in offered if part.place == "evidence"],
        "parts": [part for part in offered if part.place == "below"],
        "share": None if only_text else share.of_case(found, text),
        "here": "cases",
    }
    page |= whole.parts(found, text, summaries, request.user)
    page["contents"] = contents.contents(page)
    return render(request, "catalog/case.html", page)


def _served(case: Case, user: Any, measured: bool) -> list[tuple[Strategy, Serving, list[Step], tried.Tried | None]]:
    """The strategies for a case: what was measured first, and what solves it before what helps, as measured or else as
    claimed. Three queries; a strategy that names the case twice is there once."""
    rows = case.servings.filter(strategy__in=Strategy.objects.visible_to(user)).order_by("pk")
    found = {row.strategy_id: row for row in reversed(rows.select_related("strategy__document__current"))}
    texts = {
        row.strategy.slug: (text, [row]) for row in found.values() if (text := strategy_text(row.strategy.document))
    }
    shown = {slug: one for slug, made in (tried.of_all(texts, user) if measured else {}).items() for one in made}

    def place(row: Serving) -> tuple[int, int, str]:
        one = shown.get(row.strategy.slug)
        return (
            rank(effect.EFFECTS, one.effect if one else effect.NOT_MEASURED),
            rank(STRATEGY_EFFECTS, row.effect),
            row.strategy.title,
        )

    return [
        (row.strategy, row, steps(row.strategy), shown.get(row.strategy.slug))
        for row in sorted(found.values(), key=place)
    ]


def _revision(request: HttpRequest, found: Case | Strategy, n: int | None) -> Revision:
    current = found.document.current
    assert current is not None
    if n is None or n == current.n:
        return current
    earlier = Revision.objects.visible_to(request.user).filter(document=found.document, n=n)
    revision = earlier.select_related("author").first()
    if revision is None:
        raise Http404("There is no such revision.")
    return revision


def _as_written(request: HttpRequest, document: Document, revision: Revision) -> HttpResponse:
    if not review.may_read(request.user, revision):
        raise Http404("There is no such revision.")
    page = {"document": document, "revision": revision, "here": "cases" if document.kind == "case" else "strategies"}
    return render(request, "catalog/as_written.html", page)


def _steered(request: HttpRequest, found: Strategy, text: StrategyText) -> dict[str, bool]:
    """What this person may do to the strategy here."""
    may_move = steering.may_move(request.user, found.document)
    drives = isinstance(request.user, User) and text.driver in (request.user.shown_name, request.user.kernel_name)
    may_drive = not drives and (may_move or (not text.driver and may(request.user, "propose")))
    return {"may_say": may(request.user, "comment"), "may_move": may_move, "may_drive": may_drive}


def _servings(request: HttpRequest, text: StrategyText) -> list[Serving]:
    """The cases that a text speaks of; one that the catalog lacks only by its name, one that is hidden not at all."""
    aliases = Alias.objects.filter(slug__in=[served.case for served in text.cases]).select_related("case")
    named = {alias.slug: alias.case for alias in aliases}
    seen = set(
        Case.objects.visible_to(request.user).filter(pk__in=[c.pk for c in named.values()]).values_list("pk", flat=True)
    )
    return [
        Serving(case_slug=served.case, case=named.get(served.case), effect=served.effect, why=served.why)
        for served in text.cases
        if served.case not in named or named[served.case].pk in seen
    ]


@dataclass(frozen=True)
class Step:
    label: str
    done: bool


def steps(strategy: Strategy) -> list[Step]:
    """The way of a strategy from idea to release, and how far along it is."""
    way = ("idea", "posted", "merged", "released", "backported")
    if strategy.state not in way:
        return [Step(strategy.state_word.label, False)]
    reached = way.index(strategy.state)
    posted = f"posted v{strategy.version}" if strategy.version else "posted"
    labels = [posted if slug == "posted" and reached >= 1 else look_up(STRATEGY_STATES, slug).label for slug in way]
    return [Step(label, index <= reached) for index, label in enumerate(labels)]


def strategies(request: HttpRequest) -> HttpResponse:
    rows = list(Strategy.objects.visible_to(request.user).for_list())
    measured = tried.of_strategies(rows, request.user)
    columns = list(
        Case.objects.visible_to(request.user).filter(servings__strategy__in=rows).distinct().order_by("slug")
    )
    matrix = []
    for strategy in rows:
        served = {serving.case_id: serving for serving in strategy.servings.all()}
        shown = {one.case.pk: one for one in measured.get(strategy.slug, []) if one.case and one.pairs}
        cells = [(column, served.get(column.pk), shown.get(column.pk)) for column in columns]
        matrix.append((strategy, cells))
    if made := export_formats.answer(request, lambda: exports.strategies(matrix, request.path)):
        return made
    ways = pipeline.of(rows, {column.pk for column in columns}, measured)
    matrix.sort(key=lambda row: rank(APPROACHES, row[0].approach))
    by_approach = groupby(matrix, key=lambda row: row[0].approach)
    groups = [(look_up(APPROACHES, slug), list(rows)) for slug, rows in by_approach]
    page = {
        "groups": groups,
        "columns": columns,
        "ways": ways,
        "stages": pipeline.stages(ways),
        "words": STRATEGY_EFFECTS.values(),
        "effects": [word for slug, word in effect.EFFECTS.items() if slug != effect.NOT_MEASURED],
        "nr_measured": sum(1 for made in measured.values() if any(one.effect in effect.MEASURED for one in made)),
        "here": "strategies",
    }
    return render(request, "catalog/strategies.html", page)


def tested(request: HttpRequest, slug: str) -> HttpResponse:
    """The measured effect of a strategy as plain text of 72 columns, for an answer on a list."""
    found = Strategy.objects.visible_to(request.user).for_page().filter(slug=slug).first()
    text = strategy_text(found.document) if found else None
    if text is None:
        raise Http404("There is no such strategy.")
    made = table.tested_by(text, tried.tried(text, _servings(request, text), request.user))
    return HttpResponse(made, content_type="text/plain; charset=utf-8")


def strategy(request: HttpRequest, slug: str, n: int | None = None) -> HttpResponse:
    """One strategy; with `n`, as its text stood at that revision."""
    found = Strategy.objects.visible_to(request.user).for_page().filter(slug=slug).first()
    if found is None:
        raise Http404("There is no such strategy.")
    return show_strategy(request, found, _revision(request, found, n), is_snapshot=n is not None)


def show_strategy(
    request: HttpRequest, found: Strategy, revision: Revision, is_snapshot: bool = False, preview: Preview | None = None
) -> HttpResponse:
    """The page of a strategy, as `show_case` does it."""
    try:
        text = parse(preview.text if preview else revision.text)
    except Malformed:
        return _as_written(request, found.document, revision)
    assert isinstance(text, StrategyText)
    only_text = is_snapshot or preview is not None
    page: dict[str, Any] = {
        "strategy": found,
        "text": text,
        "revision": revision,
        "steps": steps(Strategy(state=text.state.state, version=text.state.version)),
        "servings": (servings := _servings(request, text)),
        "tried": tried.tried(text, servings, request.user),
        "parts": [] if only_text else sections.for_page(request, found.document),
        "is_snapshot": is_snapshot,
        "only_text": only_text,
        "preview": preview,
        "review": None if only_text else review.review_of(found.document, request.user),
        "links": links.of_document([text.summary, *text.sections.values()], found.slug, request.user),
        "share": share.of_strategy(found.get_absolute_url(), text) if found.document.is_reviewed else None,
        **({} if only_text else _steered(request, found, text)),
        "here": "strategies",
    }
    page["contents"] = contents.of_strategy(page)
    return render(request, "catalog/strategy.html", page)
