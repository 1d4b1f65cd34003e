"""The catalog in the browser: one case, strategies, one strategy, proposing one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog import measured, parts, revisions
from catalog.document import Malformed, parse
from catalog.facts import CaseText, StrategyText
from catalog.forms import StrategyForm
from catalog.models import Case, Revision, Strategy
from catalog.models.text import Origin
from diagnosis.vocabulary import STRATEGY_EFFECTS, STRATEGY_STATES
from people.models import User, may


def case(request: HttpRequest, slug: str, n: int | None = None) -> HttpResponse:
    """One case; with `n`, as its text stood at that revision."""
    found = Case.objects.visible_to(request.user).for_page().named(slug)
    if found is None:
        raise Http404("There is no such case.")
    if found.slug != slug:
        address = (found.slug,) if n is None else (found.slug, n)
        return redirect("case" if n is None else "case-snapshot", *address, permanent=True)
    revision = _revision(found, n)
    text = parse(revision.text)
    assert isinstance(text, CaseText)
    strategies = Strategy.objects.visible_to(request.user).filter(servings__case=found).for_list().distinct()
    offered = [] if n is not None else parts.for_page(request, found.document)
    page = {
        "case": found,
        "text": text,
        "revision": revision,
        "is_snapshot": n is not None,
        "summaries": measured.summaries(found),
        "strip": measured.strips([found])[found.pk],
        "strategies": [(strategy, _serving(strategy, found), steps(strategy)) for strategy in strategies],
        "reproducers": [part for part in offered if part.place == "reproduce"],
        "parts": [part for part in offered if part.place == "below"],
        "here": "cases",
    }
    return render(request, "catalog/case.html", page)


METHOD = (Path(__file__).parents[1] / "docs" / "method.md").read_text(encoding="utf-8")


def method(request: HttpRequest) -> HttpResponse:
    """What the numbers mean, for readers: the document itself."""
    title, _, text = METHOD.partition("\n")
    return render(request, "catalog/method.html", {"title": title.lstrip("# "), "text": text})


def _serving(strategy: Strategy, case: Case) -> Any:
    return next(serving for serving in strategy.servings.all() if serving.case_id == case.pk)


def _revision(found: Case | Strategy, n: int | None) -> Revision:
    current = found.document.current
    assert current is not None
    if n is None or n == current.n:
        return current
    earlier = found.document.revisions.select_related("author").filter(n=n).first()
    if earlier is None:
        raise Http404("There is no such revision.")
    return earlier


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
    labels = [posted if slug == "posted" and reached >= 1 else STRATEGY_STATES[slug].label for slug in way]
    return [Step(label, index <= reached) for index, label in enumerate(labels)]


def strategies(request: HttpRequest) -> HttpResponse:
    rows = list(Strategy.objects.visible_to(request.user).for_list())
    columns = list(
        Case.objects.visible_to(request.user).filter(servings__strategy__in=rows).distinct().order_by("slug")
    )
    table = []
    for strategy in rows:
        served = {serving.case_id: serving for serving in strategy.servings.all()}
        table.append((strategy, [(column, served.get(column.pk)) for column in columns]))
    page = {"table": table, "columns": columns, "words": STRATEGY_EFFECTS.values(), "here": "strategies"}
    return render(request, "catalog/strategies.html", page)


def strategy(request: HttpRequest, slug: str) -> HttpResponse:
    found = Strategy.objects.visible_to(request.user).for_page().filter(slug=slug).first()
    if found is None:
        raise Http404("There is no such strategy.")
    revision = _revision(found, None)
    text = parse(revision.text)
    assert isinstance(text, StrategyText)
    visible = set(Case.objects.visible_to(request.user).values_list("pk", flat=True))
    page = {
        "strategy": found,
        "text": text,
        "revision": revision,
        "steps": steps(found),
        "servings": [s for s in found.servings.all() if s.case_id is None or s.case_id in visible],
        "parts": parts.for_page(request, found.document),
        "here": "strategies",
    }
    return render(request, "catalog/strategy.html", page)


@login_required
def propose_strategy(request: HttpRequest) -> HttpResponse:
    if not may(request.user, "propose"):
        raise PermissionDenied("Your role may read, not propose.")
    assert isinstance(request.user, User)
    initial = {"case_1": request.GET.get("case", "")}
    form = StrategyForm(request.user, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            revision = revisions.save(form.cleaned_data["text"], origin=Origin.SITE, author=request.user, new=True)
            return redirect(revision.document)
        except Malformed as error:
            form.add_error(None, str(error))
    status = 422 if form.errors else 200
    return render(request, "catalog/propose_strategy.html", {"form": form, "here": "strategies"}, status=status)
