"""What the page of a case is made of beside its text: drawings, steps, links, neighbours, whom to tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.documents.schema import CaseText
from catalog.measured.drawings import freed
from catalog.measured.drawings.grid import Grid, grid
from catalog.measured.drawings.lifeline import Lifeline, lifeline
from catalog.measured.drawings.mechanism import Diagram, diagram
from catalog.measured.overview import Summary
from catalog.models import Case, Entry
from catalog.pages.case_page import cc, steps
from catalog.search import engine
from catalog.text import links

NOW, HOLDS, REPRODUCE = "What to do now", "What holds it", "Reproduce it"
LEDE_CHARACTERS = 300
MENTIONS = 8
RELATED = 6
TABLE_ROWS = 120  # of evidence; the rest is in its JSON


@dataclass(frozen=True)
class Drawn:
    lifeline: Lifeline | None
    grid: Grid
    diagram: Diagram | None

    def as_json(self) -> dict[str, Any]:
        """The same data as the drawings, for `?format=json`."""
        made: dict[str, Any] = {"evidence": self.grid.as_json()}
        if self.lifeline:
            made["lifeline"] = self.lifeline.as_json()
        if self.diagram:
            made["mechanism"] = self.diagram.as_json()
        return made


def drawn(text: CaseText, summaries: Sequence[Summary]) -> Drawn:
    return Drawn(lifeline(text, summaries), grid(summaries), diagram(text))


def parts(found: Case, text: CaseText, summaries: Sequence[Summary], user: Any) -> dict[str, Any]:
    """Three queries: what the text names, in two, and what names the case."""
    linked = links.of_document(_texts(text), found.slug, user, text.mechanism, (change.tree for change in text.trees))
    lede, rest = steps.sentences(text.summary.partition("\n\n")[0], 2, LEDE_CHARACTERS)
    rest = "\n\n".join(part for part in (rest, text.summary.partition("\n\n")[2]) if part)
    now = text.sections.get(NOW, "")
    return {
        "drawn": drawn(text, summaries),
        "axis": freed.AXIS,
        "lede": lede,
        "lede_rest": rest,
        "now": now,
        "now_steps": steps.steps(now),
        "holds": text.sections.get(HOLDS, ""),
        "sections": {name: body for name, body in text.sections.items() if name not in (NOW, HOLDS)},
        "evidence_rows": summaries[:TABLE_ROWS],
        "nr_rows_left_out": max(0, len(summaries) - TABLE_ROWS),
        "links": linked,
        "related": linked.related[:RELATED],
        "mentioned_in": _mentioned_in(found, user),
        "cc": cc.of(text.subsystems),
    }


def _texts(text: CaseText) -> Iterator[str]:
    yield text.summary
    yield from text.sections.values()
    for effect in text.effects:
        yield effect.note or ""
    for claim in text.claims:
        yield claim.text
        yield claim.answer or ""
    for change in text.trees:
        yield change.note or ""


@dataclass(frozen=True)
class Mention:
    name: str
    url: str


def _mentioned_in(found: Case, user: Any) -> list[Mention]:
    """Cases, comments and mails that name it, from the index of search."""
    named = Entry.objects.visible_to(user).filter(engine.naming(found.slug))
    # Strategies that serve it have a table of their own.
    others = named.exclude(document=found.document_id).exclude(kind="strategy").order_by("kind", "title")
    rows = others.values_list("kind", "title", "address", "document__case__short")[:MENTIONS]
    return [Mention((short if kind == "case" else "") or title, address) for kind, title, address, short in rows]
