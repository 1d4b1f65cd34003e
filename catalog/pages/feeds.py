"""Atom feeds: what was written, and what was measured for the first time. A report that only confirms is no news.

Of evidence one entry stands for a case on a build; it comes up again when another mover or another outcome was seen. An
outcome that changed is an entry of its own, from the journal: docs/events.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from catalog.models import Case, Revision, Subsystem, Total
from catalog.models.cases import CaseQuerySet
from catalog.models.text import PROPOSALS, RevisionQuerySet
from catalog.pages import events
from diagnosis.words.vocabulary import AREAS, ENVIRONMENTS, MOVERS, OUTCOMES, TURNS, counted, look_up
from people.models import Event

ENTRIES = 40
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Item:
    """`key` stays for ever; `at` is when it last became news."""

    key: str
    title: str
    path: str
    text: str
    at: datetime
    by: str = ""


def everything(request: HttpRequest) -> HttpResponse:
    cases = Case.objects.visible_to(request.user)
    written = Revision.objects.all().exclude(document__state__in=PROPOSALS)
    return _answer(request, "unmigratable: all changes", reverse("cases"), written, cases)


def case(request: HttpRequest, slug: str) -> HttpResponse:
    found = Case.objects.visible_to(request.user, proposals=True).named(slug)
    if found is None:
        raise Http404("There is no such case.")
    serving = Q(document__strategy__servings__case=found) & ~Q(document__state__in=PROPOSALS)
    written = Revision.objects.filter(Q(document=found.pk) | serving).distinct()
    only = Case.objects.filter(pk=found.pk)
    return _answer(request, f"unmigratable: {found.title}", found.get_absolute_url(), written, only)


def subsystem(request: HttpRequest, slug: str) -> HttpResponse:
    cases = Case.objects.visible_to(request.user).filter(subsystems__slug=slug)
    found = Subsystem.objects.filter(slug=slug, cases__in=cases).first()
    if found is None:
        raise Http404("There is no such subsystem.")
    written = Revision.objects.filter(document__in=cases.values("pk"))
    address = reverse("subsystem", args=[found.slug])
    return _answer(request, f"unmigratable: {found.name}", address, written, cases)


def _answer(
    request: HttpRequest, title: str, path: str, written: RevisionQuerySet, cases: CaseQuerySet
) -> HttpResponse:
    revisions = written.visible_to(request.user).select_related("document__case", "document__strategy", "author")
    items = [of_revision(one) for one in revisions.defer("text").order_by("-pk")[:ENTRIES]]
    news = Total.objects.visible_to(request.user).filter(case__in=cases.values("pk")).select_related("case", "build")
    items += _measured(news.order_by("-news_at", "pk")[: 4 * ENTRIES])
    turns = events.visible_to(request.user).filter(
        verb="outcome.changed", subject_kind="case", subject__in=cases.values("slug"), place__isnull=False
    )
    items += _turned(list(turns.order_by("-place")[:ENTRIES]))
    return answer(request, title, path, items)


def answer(request: HttpRequest, title: str, path: str, items: list[Item]) -> HttpResponse:
    """The newest of `items` as an Atom feed of the page at `path`."""
    items = sorted(items, key=lambda item: (item.at, item.key), reverse=True)
    feed = Atom1Feed(
        title=_clean(title),
        link=settings.SITE_URL + path,
        description="",
        language="en",
        feed_url=settings.SITE_URL + request.path,
        author_name="unmigratable",
    )
    for item in items[:ENTRIES]:
        feed.add_item(
            title=_clean(item.title),
            link=settings.SITE_URL + item.path,
            description=_clean(item.text),
            unique_id=settings.SITE_URL + item.key,
            updateddate=item.at,
            author_name=_clean(item.by) or None,
        )
    return HttpResponse(feed.writeString("utf-8"), content_type="application/atom+xml; charset=utf-8")


def of_revision(revision: Revision) -> Item:
    document = revision.document
    about = document.case if document.kind == "case" else document.strategy
    what = f"{about.title}: " + (f"a new {document.kind}" if revision.n == 1 else f"revision {revision.n}")
    path = document.get_absolute_url()
    snapshot = reverse("case-snapshot", args=[document.slug, revision.n]) if document.kind == "case" else path
    by = revision.author.shown_name if revision.author else ""
    return Item(f"{path}@{revision.n}", what, snapshot, revision.note or about.summary, revision.created_at, by)


def _measured(news: Iterable[Total]) -> list[Item]:
    """One for each case and build among these, with when its latest news came."""
    groups: dict[tuple[int, int], list[Total]] = defaultdict(list)
    for one in news:
        groups[one.case_id, one.build_id].append(one)
    made = []
    for (_, build), group in groups.items():
        one = group[0]
        path = reverse("case", args=[one.case.slug])
        title = f"{one.case.title}: measured on {one.build}"
        said = "; ".join(sorted(said for each in group for said in _said(each)))
        made.append(Item(f"{path}#build-{build}", title, f"{path}#evidence", said, max(o.news_at for o in group)))
    return made


def _turned(turns: list[Event]) -> list[Item]:
    titles = dict(Case.objects.filter(slug__in={turn.subject for turn in turns}).values_list("slug", "title"))
    return [_turn(turn, titles[turn.subject]) for turn in turns]


def _turn(turn: Event, title: str) -> Item:
    said = turn.data
    path, word = reverse("case", args=[turn.subject]), look_up(TURNS, said["turned"]).label
    area = f" in {look_up(AREAS, said['area']).label}" if said["area"] in AREAS else ""
    where = f"{said['architecture']}, {look_up(ENVIRONMENTS, said['environment']).label}"
    sides = [_side(said["before"]), _side(said["after"])]
    text = f"{look_up(MOVERS, said['mover']).label}{area} ({where}): {sides[0]}, then {sides[1]}"
    return Item(
        f"{path}#event-{turn.place}", f"{title}: {word} on {said['release']}", f"{path}#evidence", text, turn.at
    )


def _side(side: dict[str, Any]) -> str:
    runs = ", ".join(counted(number, look_up(OUTCOMES, outcome)) for outcome, number in side["outcomes"].items())
    label = f" + {side['label']}" if side["label"] else ""
    return f"{runs} on {side['release']}{label}"


def _said(one: Total) -> Iterator[str]:
    area = f" in {look_up(AREAS, one.area).label}" if one.area in AREAS else ""
    where = f"{one.architecture}, {look_up(ENVIRONMENTS, one.environment).label}"
    for outcome in one.outcomes:
        yield f"{look_up(MOVERS, one.mover).label}{area} ({where}): {look_up(OUTCOMES, outcome).label}"


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _CONTROLS.sub("", text)
