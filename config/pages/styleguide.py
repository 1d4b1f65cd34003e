"""`/styleguide/`: every part in every state, made by the templates that the pages use, of data made up here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from catalog.documents.schema import Link
from catalog.measured import side_by_side
from catalog.measured.overview import Summary
from catalog.measured.strips import Cell, Seen, Setting, Strip
from catalog.models import Case, Effect, KernelBuild, Strategy
from catalog.pages.documents import steps
from catalog.pages.listing.case_list import MARKED, Mark
from catalog.pages.listing.facets import Choice
from catalog.text import markdown
from diagnosis.words import vocabulary
from diagnosis.words.vocabulary import AREAS, EFFECTS, ENVIRONMENTS, MOVERS, OUTCOMES, look_up

SEEN = datetime(2026, 11, 22, 20, 15, tzinfo=UTC)
CASE = Case(slug="an-example", title="An example, which is no case", mechanism="writeback", status="open", kind="case")
TOKENS = ("paper", "surface", "sunken", "ink", "muted", "line", "edge", "link", "held", "moves", "mixed")


class Form(forms.Form):
    plain = forms.CharField(label="A field", help_text="With a word of help.")
    optional = forms.CharField(label="One that may stay empty", required=False)
    wrong = forms.EmailField(label="One that was filled in wrongly")
    choice = forms.ChoiceField(label="A choice", choices=[("a", "This"), ("b", "That")])
    text = forms.CharField(label="A text", widget=forms.Textarea(attrs={"rows": 3}))
    several = forms.MultipleChoiceField(
        label="Several of these", choices=[("a", "This"), ("b", "That")], widget=forms.CheckboxSelectMultiple
    )


def styleguide(request: HttpRequest) -> HttpResponse:
    form = Form({"plain": "Filled", "wrong": "not an address", "choice": "a", "text": "Some", "several": ["a"]})
    form.is_valid()
    page: dict[str, Any] = {
        "tokens": TOKENS,
        "case": CASE,
        "strip": STRIP,
        "summaries": [_summary(**given) for given in EVIDENCE],
        "sides": [_summary(**EVIDENCE[0]), _summary(**EVIDENCE[3]), None],
        "level": side_by_side.LEVEL,
        "states": [(group, [(slug, w) for slug, w in vocabulary.GROUPS[group].items()]) for group in STATES],
        "commands": markdown.html(COMMANDS, marked=True),
        "report_states": ("received", "ingesting", "settled", "rejected", "failed", "erased"),
        "marks": [_mark(standing) for standing in ("measured", "reported", "reasoned", None)],
        "ways": [steps(Strategy(state=state, version=3)) for state in ("idea", "posted", "backported", "rejected")],
        "links": [
            Link(kind="message", ref="1@example.org", title="A mail"),
            Link(kind="commit", ref="0" * 12, title="A commit"),
            Link(kind="source", ref="mm/migrate.c", title="A place in the source"),
        ],
        "choices": [Choice("a", "Chosen", 4, True, "?"), Choice("b", "Not chosen", 12, False, "?status=open")],
        "effects": vocabulary.STRATEGY_EFFECTS.values(),
        "form": form,
        "errors": [
            (400, "Bad request.", "limit: expected a whole number from 1 to 200."),
            (403, "Not allowed.", "Your role may read, not propose."),
            (404, "Not found.", "There is no such case."),
            (405, "Not this way.", ""),
            (429, "Too many requests.", "write: up to 30 in 60 s. Try again in 12 s."),
            (500, "Something broke on our side.", ""),
        ],
    }
    return render(request, "styleguide.html", page)


COMMANDS = """
```sh reads
cat /proc/vmstat
```

```sh changes
echo 1 | sudo tee /proc/sys/vm/compact_memory
```

```sh loses_data
echo 1 | sudo tee /sys/fs/fuse/connections/$N/abort
```

```sh
whatever somebody wrote without saying
```
"""
STATES = ("status", "claim standing")
EVIDENCE: tuple[dict[str, Any], ...] = (
    {"outcomes": {"hangs": 5}, "freed_seconds": 0.21},
    {"outcomes": {"hangs": 14, "moves": 6, "inconclusive": 2}, "freed_seconds": 5.2},
    {"outcomes": {"moves": 25}},
    {"outcomes": {"skipped": 3, "error": 1}, "label": "fix v3"},
)
STRIP = Strip(
    Setting("offline", "zone_movable", "guest", "x86_64", "run"),
    (
        Cell("6.1", Seen("6.1.0-50-amd64", 0, 5)),
        Cell("6.6", None),
        Cell("6.12", Seen("6.12.95", 3, 8)),
        Cell("6.18", None, ("compaction: the folio stays",)),
        Cell("7.3", Seen("7.3.4", 20, 20)),
    ),
    {},
    ("compaction", "offline"),
)


def _summary(outcomes: dict[str, int], label: str = "", freed_seconds: float | None = None) -> Summary:
    return Summary(
        case_id=0,
        build=KernelBuild(release="6.18.44", label=label),
        architecture="x86_64",
        mover=MOVERS["offline"],
        area=AREAS["zone_movable"],
        environment=ENVIRONMENTS["guest"],
        kind="run",
        outcomes=tuple((look_up(OUTCOMES, slug), runs) for slug, runs in outcomes.items()),
        nr_machines=2,
        freed_seconds=freed_seconds,
        last_seen_at=SEEN,
    )


def _mark(standing: str | None) -> Mark:
    known = Effect(effect=MARKED[0], manner="sleeps_in_d", standing=standing) if standing else None
    return Mark(look_up(EFFECTS, MARKED[0]), known)
