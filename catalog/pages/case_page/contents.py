"""The contents of a case's page: where each part is, and how much there is of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.text import slugify


@dataclass(frozen=True)
class Entry:
    anchor: str
    label: str
    count: str = ""


def contents(page: dict[str, Any]) -> list[list[Entry]]:
    """Three groups: what answers, what is discussed, where it comes from. Only what is on the page."""
    groups = (_answers(page), _discussed(page), _origins(page))
    return [list(group) for group in groups if group]


def _answers(page: dict[str, Any]) -> list[Entry]:
    text, drawn, steps = page["text"], page["drawn"], page["now_steps"]
    made = []
    if page["now"]:
        made.append(Entry("what-to-do-now", "Do now", str(len(steps.steps)) if steps else ""))
    if drawn.lifeline or text.trees:
        made.append(Entry("kernels", "Kernels", str(len(drawn.lifeline.columns)) if drawn.lifeline else ""))
    made.append(Entry("evidence", "Evidence", _counted(drawn.grid.nr_runs, "run") if page["summaries"] else "none yet"))
    if text.effects or text.blast_radius:
        made.append(Entry("effects", "What breaks", str(len(text.effects) + len(text.blast_radius))))
    made.append(Entry("what-holds-it", "Mechanism"))
    made += [Entry(slugify(name), name.removesuffix(" it")) for name in page["sections"]]
    return made


def _discussed(page: dict[str, Any]) -> list[Entry]:
    text = page["text"]
    made = [Entry("strategies", "Strategies", str(len(page["strategies"])))]
    if text.claims:
        disputed = sum(claim.standing == "disputed" for claim in text.claims)
        made.append(Entry("claims", "Claims", f"{disputed} disputed" if disputed else str(len(text.claims))))
    if not page["only_text"]:
        made.append(Entry("discussion", "Discussion"))
    return made


def _origins(page: dict[str, Any]) -> list[Entry]:
    text = page["text"]
    made = []
    if text.subsystems:
        made.append(Entry("subsystems", "Subsystems", str(len(text.subsystems))))
    if page["related"] or page["mentioned_in"]:
        made.append(Entry("related", "Related", str(len(page["related"]) + len(page["mentioned_in"]))))
    if text.links:
        made.append(Entry("links", "Links", str(len(text.links))))
    if text.sources:
        made.append(Entry("sources", "Sources", str(len(text.sources))))
    return [*made, Entry("revision", "Revision", str(page["revision"].n))]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def of_strategy(page: dict[str, Any]) -> list[list[Entry]]:
    text = page["text"]
    made = [Entry("effect", "Effect, by case", str(len(page["servings"]))), Entry("measured", "Measured")]
    made += [Entry(slugify(name), name) for name in text.sections]
    made += [Entry("states", "Progress", str(len(text.states))), Entry("objections", "Objections")]
    if not page["only_text"]:
        made.append(Entry("discussion", "Discussion"))
    origins = [Entry(name, name.capitalize(), str(len(of))) for name, of in _lists(text) if of]
    return [made, [*origins, Entry("revision", "Revision", str(page["revision"].n))]]


def _lists(text: Any) -> tuple[tuple[str, Any], ...]:
    return ("links", text.links), ("sources", text.sources)
